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
  bool normalised = false;            // whether the samples are; with noise they are not, whatever was asked for
};

// What a batch is made from besides the rows. Labels are B x C on the host; empty where none are wanted.
struct DeviceRequest {
  const Rows& rows;
  const MixRows& mix;
  const AugmentRows& augment;
  const std::vector<float>& labels;
  const std::vector<float>& partner_labels;  // read where rows are mixed
  std::uint64_t noise_seed = 0;
  std::uint32_t step = 0;
};

// Whether a DeviceRequest may hold this augmentation: all but changes of speed. Where not, make_training_batch() makes the batch
// on the CPU. Augmentation of the spectrogram (warp, tempo, masks) is the encoder's and does not count.
bool device_request_takes(const AugmentRows& augment);

// Queues the work on the current stream; waits for nothing but what DeviceStore::borrow() waits for. The request must be one that
// check_step() passes: nothing is checked here, nor by the kernels. Not for capture in a CUDA graph: each batch has its own
// lengths and places.
DeviceBatch make_device_batch(DeviceStore& store, const DeviceRequest& request, std::int64_t classes,
                              const BatchLayout& layout);

}  // namespace ser
