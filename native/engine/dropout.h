// Dropout of packed tensors, differentiable.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/dropout_mask.h"
#include "engine/segments.h"

namespace ser {

// y = x * mask / (1 - p') for packed x (segments->total() x D). Decisions have 16 random bits: p' is p rounded to a
// multiple of 2^-16. p = 0 returns x itself.
at::Tensor dropout(const at::Tensor& x, double p, const DropoutKey& key, const SegmentsPtr& segments);

// residual + scale * dropout(x), without a tensor between.
at::Tensor dropout_add(const at::Tensor& x, const at::Tensor& residual, double scale, double p, const DropoutKey& key,
                       const SegmentsPtr& segments);

// What a build with CUDA adds: residual + mask.scale * mask * x of a CUDA tensor, without autograd. `residual` may be
// undefined. In the type of the result; x and residual are float32 or bf16.
at::Tensor dropout_on_cuda(const at::Tensor& x, const at::Tensor& residual, at::ScalarType type, const DropoutMask& mask,
                           const Segments& segments);

}  // namespace ser
