// Log-mel spectrograms, normalised and with SpecAugment's masks applied: the input of the mel encoder's convolutions.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "encoder/encoder.h"

namespace ser {

// 25 ms windows (symmetric Hann) every 10 ms, no padding: T = floor((N - 400) / hop) + 1 with hop = 160 samples, or 160 times
// an utterance's tempo factor. |FFT of 512|^2, triangular filters on the HTK mel scale from 60 to 7800 Hz, natural logarithm
// of energy + 1e-8, then (x - mean) / deviation; a mean of NaN stands for the utterance's own, over all frames and bands, which
// takes the recording's level out. A warp factor multiplies the filters' corner frequencies.
struct MelFrontend {
  std::int64_t bands = 80;
  double mean = std::numeric_limits<double>::quiet_NaN();
  double deviation = 4;
};

inline constexpr std::int64_t kMelWindow = 400;
inline constexpr std::int64_t kMelHop = 160;
inline constexpr std::int64_t kMelFft = 512;

struct MelBatch {
  at::Tensor values;  // B x 1 x longest x bands, float32, zeros after each utterance
  std::vector<std::int64_t> frames;
};

MelBatch mel_spectrogram(const MelFrontend& frontend, const Waves& waves, const AugmentRows* augment);

// The same through LibTorch's FFT and a dense filter matrix: the way of other devices, and the oracle.
MelBatch mel_spectrogram_composite(const MelFrontend& frontend, const Waves& waves, const AugmentRows* augment);

// Corner frequencies in Hz (bands + 2) of the filters at a warp factor.
std::vector<double> mel_corners(std::int64_t bands, double warp);

}  // namespace ser
