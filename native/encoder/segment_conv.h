// Depthwise convolution over the frames of each utterance of a packed batch.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/segments.h"

namespace ser {

// y[t, d] = bias[d] + sum_k weight[d, k] x[t + k - K / 2, d] with zeros beyond the utterance; x sum(T) x D, weight D x K
// (K odd), bias D.
at::Tensor segment_depthwise_conv(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                  const SegmentsPtr& segments);

// By padding and LibTorch's grouped convolution: the way of other devices, and the oracle.
at::Tensor segment_depthwise_conv_padded(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                         const SegmentsPtr& segments);

}  // namespace ser
