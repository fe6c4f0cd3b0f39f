// The exact GELU (Hendrycks and Gimpel 2016), as the CPU's: x * Phi(x) with the error function, no tanh approximation.
#pragma once

#include "cuda/kernel.h"

namespace ser::cuda {

__device__ __forceinline__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

// Phi(x) + x * phi(x).
__device__ __forceinline__ float gelu_slope(float x) {
  return 0.5f * (1.0f + erff(x * 0.70710678118654752f)) + x * 0.39894228040143268f * expf(-0.5f * x * x);
}

}  // namespace ser::cuda
