// The convolutional position code of wav2vec2 and its kin: a grouped, weight-normed convolution over an utterance's frames.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/segments.h"

namespace ser {

struct PositionConv {
  at::Tensor gain;       // 1 x 1 x K: the norm of each tap's matrix
  at::Tensor direction;  // D x D / groups x K
  at::Tensor bias;       // D
};

// x + GELU(conv(x)) for packed x (sum(T) x D): each utterance as if between K / 2 zeros on either side; for even K the output's
// last frame, one more than there were, is dropped.
at::Tensor position_conv(const at::Tensor& x, const PositionConv& conv, const SegmentsPtr& segments);

}  // namespace ser
