// The safetensors format: 8 bytes of little-endian header length, a JSON header, then row-major little-endian tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace ser {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

struct TensorFile {
  NamedTensors tensors;
  Metadata metadata;
};

// Writes the tensors in the given order and flushes the file to disk; renaming it into place is the caller's affair.
// Throws E_IO with the reason of the system (a full disk among them) after removing what was written.
void write_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata);

// Reads strictly: a truncated file, a header over 100 MB, tensors that overlap, leave gaps or disagree with their shape, and
// bytes left over are E_FORMAT with a sentence; a file that cannot be opened or read is E_IO.
TensorFile read_safetensors(const std::string& path);

// Copies `file` into `targets` by name. A name missing or left over is E_FORMAT, another shape or type E_SHAPE; nothing is
// copied unless all fit. Names starting with one of `ignored` prefixes may stand in the file unused.
void copy_tensors(const std::string& path, const TensorFile& file, const NamedTensors& targets,
                  const std::vector<std::string>& ignored = {});

}  // namespace ser
