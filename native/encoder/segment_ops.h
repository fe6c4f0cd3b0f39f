// Operations within each utterance of a packed batch (sum(T) x D), differentiable.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "engine/segments.h"

namespace ser {

// (x + mean_t x) / 2 over each utterance's frames.
at::Tensor segment_broadcast_mean(const at::Tensor& x, const SegmentsPtr& segments);
// sum_t w_t x_t; x sum(T) x D, w sum(T), result B x D.
at::Tensor segment_weighted_sum(const at::Tensor& x, const at::Tensor& w, const SegmentsPtr& segments);
// Softmax over each utterance's frames of scores sum(T).
at::Tensor segment_softmax(const at::Tensor& scores, const SegmentsPtr& segments);
at::Tensor segment_mean(const at::Tensor& x, const SegmentsPtr& segments);
at::Tensor segment_max(const at::Tensor& x, const SegmentsPtr& segments);

// Packed rows to (B, longest, ...) with zeros after each utterance, and back.
at::Tensor segment_pad(const at::Tensor& x, const SegmentsPtr& segments);
at::Tensor segment_unpad(const at::Tensor& padded, const SegmentsPtr& segments);
// B x longest, true on frames that exist.
at::Tensor segment_mask(const SegmentsPtr& segments, at::Device device);

}  // namespace ser
