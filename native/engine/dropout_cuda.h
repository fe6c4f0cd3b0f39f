// Launchers of dropout.cu.
#pragma once

#include "cuda/row_mask.h"

namespace ser::cuda {

// y = residual + mask.scale * mask * x for packed rows x width; `residual` may be null, y may be x. One launch. The backward
// pass is the same with the gradient in place of x and no residual. X, Y: float or bf16.
template <typename X, typename Y>
void dropout(const X* x, const Y* residual, Y* y, std::int64_t rows, std::int64_t width, const RowMask& mask,
             cudaStream_t stream);

}  // namespace ser::cuda
