// Mean, context broadcast and maximum of segment_ops.h by kernels, where the rows lie on a GPU.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/segments.h"

namespace ser {

// Whether the functions below take `x`: sum(T) x D on a GPU, float or bf16.
bool device_reduce_takes(const at::Tensor& x);

// Differentiable; results have the type of x. Of an utterance without rows, mean and maximum are 0.
at::Tensor device_segment_mean(const at::Tensor& x, const SegmentsPtr& segments);
at::Tensor device_broadcast_mean(const at::Tensor& x, const SegmentsPtr& segments);
at::Tensor device_segment_max(const at::Tensor& x, const SegmentsPtr& segments);

}  // namespace ser
