// Batch normalisation and ReLU between strided convolutions over padded batches, in one operation.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "engine/parameters.h"

namespace ser {

struct NormWeights {
  at::Tensor weight, bias;  // C
  Buffer mean, variance;    // C, running statistics of training, used without training
};

// max(weight * (x - mean) / sqrt(variance + 1e-5) + bias, 0) where a frame exists, and 0 after an utterance's end, so that the
// next convolution sees the same zeros beyond it as it would for the utterance alone. In training mean and variance are those
// of the batch over existing frames only (padding does not count), and the running statistics that an accepted step moves
// to are left in the buffers' pending values. x is B x C x T x W, lengths in frames (B).
at::Tensor norm_relu(const at::Tensor& x, const NormWeights& weights, const std::vector<std::int64_t>& lengths, bool training);

// The same as a composite of ATen operations: the way of other devices and types, and the oracle.
at::Tensor norm_relu_composite(const at::Tensor& x, const NormWeights& weights, const std::vector<std::int64_t>& lengths,
                               bool training);

}  // namespace ser
