// Launchers of row_norm.cu.
#pragma once

#include "cuda/row_mask.h"

namespace ser::cuda {

// Widest rows, which a warp holds in registers.
inline constexpr std::int64_t kRowNormWidth = 2048;

// For each of `rows` rows of `width` values: s = mask(x + bias) + residual, rounded to R, and y = f(LayerNorm(s)) (Ba et al. 2016)
// with f = GELU or nothing. X, R, N: float or bf16, of these the pairs that row_norm.cu has. Null pointers: no such part.
template <typename X, typename R, typename N>
struct RowNorm {
  std::int64_t rows = 0, width = 0;
  const X* x = nullptr;
  const float* bias = nullptr;  // of x; width
  const R* residual = nullptr;
  RowMask mask;  // of x + bias
  const float* weight = nullptr;
  const float* shift = nullptr;
  float epsilon = 0;
  bool gelu = false;
  R* sum = nullptr;  // s
  N* y = nullptr;
  float *mean = nullptr, *rstd = nullptr;  // of each row, for the backward pass
};

template <typename X, typename R, typename N>
struct RowNormGradient {
  std::int64_t rows = 0, width = 0;
  const R* sum = nullptr;           // s, or x where `sum_bias` or nothing was added to it
  const float* sum_bias = nullptr;  // what is to be added to `sum`
  const float *mean = nullptr, *rstd = nullptr;
  const float* weight = nullptr;
  const float* shift = nullptr;  // read with GELU only
  bool gelu = false;
  RowMask mask;
  const N* dy = nullptr;
  const R* d_sum = nullptr;  // what arrives at s itself
  X* dx = nullptr;
  R* d_residual = nullptr;
  // Sums over rows, null or row_norm_partial() floats; written by two launches, the second adds the first one's parts in a
  // fixed order.
  float* partial = nullptr;
  float* sums = nullptr;  // 3 x width: of weight, shift and bias
};

std::int64_t row_norm_partial(std::int64_t rows, std::int64_t width);

template <typename X, typename R, typename N>
void row_norm(const RowNorm<X, R, N>& work, cudaStream_t stream);

template <typename X, typename R, typename N>
void row_norm_backward(const RowNormGradient<X, R, N>& work, cudaStream_t stream);

}  // namespace ser::cuda
