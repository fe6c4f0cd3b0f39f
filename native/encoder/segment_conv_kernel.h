// Depthwise convolution of one utterance on the CPU, float32, frames x width row-major.
#pragma once

#include <cstdint>

namespace ser {

struct DepthwiseShape {
  std::int64_t frames = 0, width = 0, kernel = 0;
};

// `taps` is kernel x width; `bias` may be null.
void depthwise_forward(const DepthwiseShape& shape, const float* x, const float* taps, const float* bias, float* y);

// Adds the gradient of channels [begin, end) to d_taps, kernel x width.
void depthwise_weight_gradient(const DepthwiseShape& shape, std::int64_t begin, std::int64_t end, const float* x,
                               const float* dy, float* d_taps);

}  // namespace ser
