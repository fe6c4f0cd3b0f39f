// Checkpoints of others (Hugging Face's model.safetensors and pytorch_model.bin, whole or in shards): opened without running
// anything that they hold, and copied into an encoder's parameters whole or not at all.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "encoder/pretrained/pretrained_encoder.h"

namespace ser {

class Checkpoint {
 public:
  // Opens every file by its content, not by its extension: safetensors, or the zip format of torch.save. E_IO where a file cannot
  // be read; E_FORMAT where it is damaged, holds anything but tensors by name, or where a tensor stands in two files.
  static Checkpoint open(const std::vector<std::string>& files);

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  // In the order of the files and of their tensors' names within them.
  const std::vector<std::string>& names() const { return names_; }

  // A read-only view into the mapped file, which it keeps alive: writing to it ends the process. Undefined where the name is
  // absent; E_FORMAT where the type is one that no tensor here has, or the data's checksum (torch.save keeps one) is wrong.
  at::Tensor find(const std::string& name) const;

 private:
  struct File;
  struct Place {
    std::uint32_t file, tensor;
  };

  Checkpoint();
  friend std::vector<std::string> fill_targets(const Checkpoint&, const std::vector<CheckpointTarget>&,
                                               const std::vector<std::string>&, const std::vector<std::string>&);

  std::vector<std::unique_ptr<File>> files_;
  std::vector<std::string> names_;
  std::vector<Place> places_;  // of names_
  std::unordered_map<std::string, std::size_t> index_;
};

// Copies the checkpoint into `targets`, converting to their types. One of `model_prefixes` ("wavlm.", ..., "") is taken off, the
// same for the whole checkpoint: the one under which most targets are found. `ignored` are names, or prefixes ending in ".",
// that may be left over. Every target must be found exactly once, under its name or one alias, with its shape (E_SHAPE), of a
// floating type and without NaN or infinity; nothing else may be left over (E_FORMAT). Nothing is copied unless all this holds.
// Returns those of `ignored` that matched something, so that the caller can say what was left out.
std::vector<std::string> fill_targets(const Checkpoint& checkpoint, const std::vector<CheckpointTarget>& targets,
                                      const std::vector<std::string>& ignored, const std::vector<std::string>& model_prefixes);

}  // namespace ser
