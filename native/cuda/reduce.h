// Sums and maxima over a warp or a block. Every sum has one fixed order, so that a repeated launch gives the same bits.
#pragma once

#include "cuda/kernel.h"

namespace ser::cuda {

struct Sum {
  template <typename T>
  __device__ static T join(T a, T b) {
    return a + b;
  }
};

struct Max {
  template <typename T>
  __device__ static T join(T a, T b) {
    return a > b ? a : b;
  }
};

struct Min {
  template <typename T>
  __device__ static T join(T a, T b) {
    return a < b ? a : b;
  }
};

// All 32 lanes take part; all get the result, those of each kLanes neighbours (a power of two) one of their own.
template <typename Join, int kLanes = kWarp, typename T>
__device__ __forceinline__ T warp_reduce(T value) {
#pragma unroll
  for (int offset = kLanes / 2; offset > 0; offset /= 2) {
    value = Join::join(value, __shfl_xor_sync(kFullMask, value, offset));
  }
  return value;
}

// All threads of the block take part (a multiple of 32, one dimension); all get the result. `scratch` has room for a value per
// warp and may be used again at once.
template <typename Join, typename T>
__device__ __forceinline__ T block_reduce(T value, T* scratch) {
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, warps = blockDim.x / kWarp;
  value = warp_reduce<Join>(value);
  if (lane == 0) scratch[warp] = value;
  __syncthreads();
  value = scratch[0];
  for (int w = 1; w < warps; ++w) value = Join::join(value, scratch[w]);
  __syncthreads();
  return value;
}

}  // namespace ser::cuda
