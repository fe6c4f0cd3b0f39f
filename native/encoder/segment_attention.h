// Multi-head self-attention within each utterance of a packed batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "engine/dropout.h"
#include "engine/segments.h"

namespace ser {

struct AttentionOptions {
  // Bias by distance: score (i, j) of head h gets gate[i][h] * table[h][reach - 1 + j - i]. `gate` is sum(T) x heads, `table`
  // heads x (2 * reach - 1) with reach at least the longest utterance's T; both undefined = no bias. Never stored as T x T.
  at::Tensor gate, table;
  // Share of attention weights that is dropped, rounded to a multiple of 2^-16; the rest is scaled up.
  double dropout = 0;
  DropoutKey key;
};

// `qkv` is sum(T) x 3D with q, k and v side by side, `heads` divides D; the result is sum(T) x D, heads side by side.
// softmax(q k^T / sqrt(D / heads) + bias) v, over the frames of the same utterance only.
at::Tensor segment_attention(const at::Tensor& qkv, std::int64_t heads, const SegmentsPtr& segments,
                             const AttentionOptions& options = {});

// By padding and whole T x T matrices: the way of devices without a kernel of ours, and the oracle.
at::Tensor segment_attention_padded(const at::Tensor& qkv, std::int64_t heads, const SegmentsPtr& segments,
                                    const AttentionOptions& options = {});

}  // namespace ser
