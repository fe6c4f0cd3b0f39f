// WavLM's gated relative position bias (Chen et al. 2022): what it adds to attention's scores, as segment_attention takes it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ser {

// Bucket of distance j - i, 0..buckets - 1: distances ahead in the upper half; exact up to buckets / 4, from there on
// logarithmic up to max_distance.
std::int64_t relative_bucket(std::int64_t distance, std::int64_t buckets, std::int64_t max_distance);

// The bias of every distance under `reach`: embedding (buckets x heads) to heads x (2 * reach - 1), distance 0 in the middle.
at::Tensor relative_table(const at::Tensor& embedding, std::int64_t reach, std::int64_t max_distance);

struct RelativeGate {
  at::Tensor weight, bias;  // 8 x head width, 8; all heads share them
  at::Tensor constant;      // heads
};

// What each row and head multiplies its bias by: input sum(T) x D to sum(T) x heads. In float32 at least, also under autocast.
at::Tensor relative_gate(const at::Tensor& input, const RelativeGate& gate);

}  // namespace ser
