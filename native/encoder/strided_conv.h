// Two-dimensional convolution for padded batches of spectrograms.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ser {

// 3 x 3 (or any odd kernel), padding of half the kernel, one stride for time and bands, no bias: at::conv2d in all but the
// weight gradient's way of using threads.
at::Tensor strided_conv(const at::Tensor& x, const at::Tensor& weight, std::int64_t stride);

}  // namespace ser
