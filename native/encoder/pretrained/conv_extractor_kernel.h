// The first convolution of a waveform on the CPU, with its norm and GELU: too few taps for a product of matrices, and three
// passes over memory otherwise.
#pragma once

#include <cstdint>

namespace ser {

struct FirstConv {
  std::int64_t channels = 0, kernel = 0, stride = 0;
  const float* taps = nullptr;         // kernel x first_conv_width(channels), zeros after the last channel
  const float* bias = nullptr;         // first_conv_width(channels)
  const float* norm_weight = nullptr;  // channels; null = no LayerNorm
  const float* norm_bias = nullptr;
  float epsilon = 0;
};

// Channels rounded up to whole vectors.
std::int64_t first_conv_width(std::int64_t channels);

// out[t][c] = GELU(norm(bias[c] + sum_k taps[k][c] samples[stride * t + k])), rows x channels.
void first_conv(const FirstConv& conv, const float* samples, std::int64_t rows, float* out);
// The same, rounded to bf16.
void first_conv(const FirstConv& conv, const float* samples, std::int64_t rows, std::uint16_t* out);

}  // namespace ser
