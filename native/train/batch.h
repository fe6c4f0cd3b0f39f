// Waveforms of a training step: rows of a store, mixed by the plan, augmented.
#pragma once

#include "encoder/encoder.h"
#include "mix/mix.h"

namespace ser {

struct MixedBatch {
  Waves waves;
  std::vector<float> labels;          // after mixing, B x C
  std::vector<std::int32_t> classes;  // of the base utterances: argmax of their own labels
  std::vector<std::uint8_t> skipped;  // B
  double seconds = 0;                 // of audio, after augmentation
};

// Throws E_ARGUMENT for rows, plans and labels that do not fit each other. `noise_seed` keys white noise.
MixedBatch make_training_batch(const SampleView& samples, const StepRequest& request, std::int64_t classes,
                               std::uint64_t noise_seed, at::Device device);

Waves make_waves(const SampleView& samples, const Rows& rows, at::Device device);

}  // namespace ser
