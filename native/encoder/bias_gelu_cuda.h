// Launchers of bias_gelu.cu.
#pragma once

#include "cuda/row_mask.h"

namespace ser::cuda {

// y = mask(GELU(x + bias)) for rows x width; `bias` (width) may be null. y may be x. One launch. T: float or bf16.
template <typename T>
void bias_gelu(const T* x, const float* bias, T* y, std::int64_t rows, std::int64_t width, const RowMask& mask,
               cudaStream_t stream);

// Floats that bias_gelu_backward() needs at `partial`.
std::int64_t bias_gelu_partial(std::int64_t rows, std::int64_t width);

// dx, and d_bias (width) unless it is null: two launches, of which the second sums the first one's parts in a fixed order. The mask
// is drawn again. dx may be dy.
template <typename T>
void bias_gelu_backward(const T* x, const float* bias, const T* dy, T* dx, float* d_bias, float* partial, std::int64_t rows,
                        std::int64_t width, const RowMask& mask, cudaStream_t stream);

}  // namespace ser::cuda
