// Dropout whose mask is a pure function of (seed, step, site, utterance, element), so that splitting a batch, changing its
// order or resuming a run repeats it exactly.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "engine/segments.h"

namespace ser {

struct DropoutKey {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  // Names the place in the network; two places never share one.
  std::uint32_t site = 0;
  // One decision a channel for all frames of an utterance (variational dropout, Gal and Ghahramani 2016) instead of one an
  // element.
  bool shared = false;
};

// y = x * mask / (1 - p') for packed x (segments->total() x D). Decisions have 16 random bits: p' is p rounded to a
// multiple of 2^-16. p = 0 returns x itself.
at::Tensor dropout(const at::Tensor& x, double p, const DropoutKey& key, const SegmentsPtr& segments);

// residual + scale * dropout(x), without a tensor between.
at::Tensor dropout_add(const at::Tensor& x, const at::Tensor& residual, double scale, double p, const DropoutKey& key,
                       const SegmentsPtr& segments);

}  // namespace ser
