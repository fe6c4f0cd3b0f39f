// ReLU between strided convolutions over padded batches.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace ser {

// max(x, 0) where a frame exists and 0 after an utterance's end, so that the next convolution sees the same zeros beyond it
// as it would for the utterance alone. x is B x C x T x W, lengths in frames (B).
at::Tensor relu_mask(const at::Tensor& x, const std::vector<std::int64_t>& lengths);

}  // namespace ser
