// FLAM's pooling by one kernel, where frames lie on a GPU.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/segments.h"

namespace ser {

struct PooledFrames {
  at::Tensor frames, attended;  // B x D, float
  at::Tensor weights;           // sum(T), float
};

// Whether device_pool() takes these: sum(T) x D on a GPU, in float or bf16 both, D at most kWidestPool.
bool device_pool_takes(const at::Tensor& frames, const at::Tensor& attended);

// Softmax over each utterance's frames of F v + A u, and both weighted sums, differentiable in all four tensors. `frames` and
// `attended` are sum(T) x D, `score` (v) and `through` (u) D. See pooling_cuda.h.
PooledFrames device_pool(const at::Tensor& frames, const at::Tensor& attended, const at::Tensor& score,
                         const at::Tensor& through, const SegmentsPtr& segments);

}  // namespace ser
