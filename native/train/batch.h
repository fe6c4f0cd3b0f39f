// Waveforms of a training step: rows of a store, mixed by the plan, augmented.
#pragma once

#include "encoder/encoder.h"
#include "mix/mix.h"
#include "train/feature_store.h"

namespace ser {

struct MixedBatch {
  Waves waves;
  Frames frames;                      // instead of waves, where a frozen encoder's frames were computed before
  std::vector<float> labels;          // after mixing, B x C
  std::vector<std::int32_t> classes;  // of the base utterances: argmax of their own labels
  std::vector<std::uint8_t> skipped;  // B
  double seconds = 0;                 // of audio, after augmentation
  // Where the batch was made on a device: what `labels` and `skipped` would hold; those then say what the host knew before.
  at::Tensor device_labels, device_skipped;
};

// Throws E_ARGUMENT for rows, plans, augmentation and labels that do not fit each other.
void check_step(const SampleView& samples, const StepRequest& request, std::int64_t classes);

// Takes over the labels, and the class of each row by them.
void take_labels(const std::vector<float>& labels, std::int64_t classes, MixedBatch& out);

double seconds_of(const Waves& waves);

// Throws what check_step() throws. `noise_seed` keys white noise.
MixedBatch make_training_batch(const SampleView& samples, const StepRequest& request, std::int64_t classes,
                               std::uint64_t noise_seed, at::Device device);

// The same from stored frames, for which E_ARGUMENT is any mixing or augmentation: it would have changed them.
MixedBatch make_feature_batch(const FeatureStore& features, const StepRequest& request, std::int64_t classes,
                              at::Device device);

// Rows from..to - 1, for computing a batch in parts.
MixedBatch part_of(const MixedBatch& batch, std::int64_t from, std::int64_t to, std::int64_t classes);
AugmentRows part_of(const AugmentRows& augment, std::int64_t from, std::int64_t to, std::int64_t batch);

Waves make_waves(const SampleView& samples, const Rows& rows, at::Device device);

}  // namespace ser
