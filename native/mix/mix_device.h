// A batch of waveforms and labels made on a GPU: gathered from a store, converted, mixed, normalised and laid out by mix.cu.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "audio/device_store.h"

namespace ser {

// As the encoder wants its input.
struct BatchLayout {
  std::int64_t align = 1;  // each utterance begins at a multiple of so many samples, zeros after it
  bool normalise = false;  // to mean 0 and variance 1, as ConvExtractor does
  double epsilon = 1e-7;   // added to the variance
};

struct DeviceBatch {
  at::Tensor samples;  // float, full scale 1; its last utterance is followed by zeros up to a multiple of `align`
  std::vector<std::int64_t> lengths;  // of each utterance after mixing, without zeros
  std::vector<std::int64_t> slots;    // B + 1: where each begins; slots[B] = samples.numel()
  at::Tensor labels;                  // B x C float, mixed; undefined where none were given
  at::Tensor skipped;                 // B uint8: see mix_row()
};

// Whether a batch with this augmentation can be made on the GPU. Where not, make_training_batch() makes it on the CPU.
// Augmentation of the spectrogram (warp, tempo, masks) is the encoder's and does not count.
bool device_batch_takes(const AugmentRows& augment);

// Checks the plan as check_rows() and check_mix() do (E_ARGUMENT) and queues the work on the current stream; waits for nothing
// but what DeviceStore::borrow() waits for. `labels` and `partner_labels` are B x C on the host; `labels` may be empty, and
// `partner_labels` where nothing is mixed. Not for capture in a CUDA graph: each batch has its own lengths and places.
DeviceBatch make_device_batch(DeviceStore& store, const Rows& rows, const MixRows& mix, const std::vector<float>& labels,
                              const std::vector<float>& partner_labels, std::int64_t classes, const BatchLayout& layout);

}  // namespace ser
