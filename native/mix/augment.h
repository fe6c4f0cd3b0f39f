// Augmentation of a waveform after mixing: speed, gain and white noise, all by factors drawn in TypeScript.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.h"

namespace ser {

// Throws E_ARGUMENT where an array has another length than `batch` or a value is out of its range.
void check_augment(const AugmentRows& augment, std::size_t batch);

// Names the noise that only native code can draw.
struct NoiseKey {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  std::uint32_t utterance = 0;
};

// Samples of row `b` of `length` samples after the speed change: round(length / factor), at least 400.
std::int64_t augmented_length(const AugmentRows& augment, std::size_t b, std::int64_t length);

// Augments row `b` in place (resizing it).
void augment_row(const AugmentRows& augment, std::size_t b, const NoiseKey& key, std::vector<float>& wave);

// Plays `in` at `factor` times its speed into `count` samples: a Kaiser-windowed sinc whose cut-off follows the lower of the
// two rates; zeros beyond the ends.
void change_speed(const std::vector<float>& in, double factor, std::int64_t count, std::vector<float>& out);

}  // namespace ser
