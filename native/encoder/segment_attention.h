// Multi-head self-attention within each utterance of a packed batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "engine/segments.h"

namespace ser {

// `qkv` is sum(T) x 3D with q, k and v side by side, `heads` divides D; the result is sum(T) x D, heads side by side.
// softmax(q k^T / sqrt(D / heads)) v, over the frames of the same utterance only. No dropout of attention weights.
at::Tensor segment_attention(const at::Tensor& qkv, std::int64_t heads, const SegmentsPtr& segments);

// By padding and LibTorch's scaled dot-product attention: the way of devices without a kernel of ours, and the oracle.
at::Tensor segment_attention_padded(const at::Tensor& qkv, std::int64_t heads, const SegmentsPtr& segments);

}  // namespace ser
