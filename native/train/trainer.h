// A model under training: what a trainer handle names.
#pragma once

#include <atomic>
#include <memory>

#include "engine/model.h"
#include "mix/mix.h"
#include "train/batch.h"
#include "train/optimizer.h"

namespace ser {

class DeviceStore;

class Trainer {
 public:
  // Keeps the model alive; trains it in place.
  Trainer(std::shared_ptr<Model> model, const TrainerConfig& config);

  // Mix, augment, forward, losses, backward, clip, update. Throws E_CANCELLED before the update where the flag is set.
  // On a GPU all of it is queued and nothing waits; the samples must stay until the result is there. The batch is made from
  // `on_device`, which has the same samples, where that is given and can do what the request asks for.
  std::unique_ptr<PendingStep> begin(const SampleView& samples, const StepRequest& request, const std::atomic<bool>& cancelled,
                                     DeviceStore* on_device = nullptr);

  // The same on stored frames of a frozen encoder; `audio_seconds` of the result is 0.
  std::unique_ptr<PendingStep> begin(const FeatureStore& features, const StepRequest& request,
                                     const std::atomic<bool>& cancelled);

  void save(const std::string& path, const Metadata& metadata) const;
  void load(const std::string& path);
  void copy_average(Model& to) const;

 private:
  struct Outcome {
    at::Tensor total, components, predictions;
  };
  std::unique_ptr<PendingStep> begin(const MixedBatch& batch, const StepRequest& request, const std::atomic<bool>& cancelled);
  // Forward and backward of a part of a batch that is `share` of it: adds to the gradients, returns its part of the figures.
  Outcome learn(const MixedBatch& batch, const AugmentRows& augment, std::int64_t step, double share,
                const std::atomic<bool>& cancelled);
  NamedTensors tensors() const;

  std::shared_ptr<Model> model_;
  TrainerConfig config_;
  at::Tensor centers_;
  at::Tensor class_weights_;  // undefined = ones
  std::unique_ptr<Optimizer> optimizer_;
};

}  // namespace ser
