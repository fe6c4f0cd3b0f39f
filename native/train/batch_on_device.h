// Training batches that are made where they are used: on a GPU that holds, or is sent, a store's samples.
#pragma once

#include <memory>

#include "train/batch.h"

namespace ser {

class DeviceStore;

// A store's samples for kernels on `device`; null for the CPU. Copies what fits, which takes as long as reading it.
std::shared_ptr<DeviceStore> place_on_device(const SampleView& samples, at::Device device);

// make_training_batch() by the GPU, mixed samples and labels the same to the bit. Undefined waves where the augmentation is one
// that only the host knows. Nothing waits for the GPU but for the copy of the batch before the last.
MixedBatch make_training_batch(DeviceStore& store, const StepRequest& request, std::int64_t classes, std::uint64_t noise_seed);

}  // namespace ser
