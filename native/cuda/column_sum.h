// Sums over a tensor's rows in two passes without atomics: blocks leave partial sums of their rows, then the parts are added in
// a fixed order, so that the same input gives the same bits on every device.
#pragma once

#include "cuda/eight.h"

namespace ser::cuda {

// Threads of the blocks below, and of those whose sums join_warps() joins.
inline constexpr int kColumnThreads = 256;
inline constexpr int kColumnWarps = kColumnThreads / kWarp;

// Parts that so many rows are cut into.
inline std::int64_t column_parts(std::int64_t rows) {
  const std::int64_t parts = ceil_div<std::int64_t>(rows, 32);
  return parts < 1 ? 1 : parts < 128 ? parts : 128;
}

// Adds the sums that the lanes of each warp hold for the block's kTile columns (eight a lane) and writes those that exist.
// `scratch` has room for kColumnWarps * kTile floats and may be used again at once.
__device__ __forceinline__ void join_warps(const float (&sums)[kEight], float* scratch, std::int64_t first_column,
                                           std::int64_t columns, float* part) {
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
#pragma unroll
  for (int j = 0; j < kEight; ++j) scratch[warp * kTile + lane * kEight + j] = sums[j];
  __syncthreads();
  const int own = threadIdx.x;  // as many threads as columns of a tile
  float sum = 0;
  for (int w = 0; w < kColumnWarps; ++w) sum += scratch[w * kTile + own];
  if (first_column + own < columns) part[first_column + own] = sum;
  __syncthreads();
}
static_assert(kTile == kColumnThreads);

// out[c] = sum over `parts` rows of partial (parts x columns).
template <typename Out>
__global__ void __launch_bounds__(kColumnThreads)
    column_sum_kernel(const float* partial, std::int64_t parts, std::int64_t columns, Out* out) {
  SER_SHARED(float, scratch, kColumnThreads);
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kWarp + lane;
  float sum = 0;
  if (column < columns) {
    for (std::int64_t part = warp; part < parts; part += kColumnWarps) sum += partial[part * columns + column];
  }
  scratch[threadIdx.x] = sum;
  __syncthreads();
  if (warp != 0 || column >= columns) return;
  for (int w = 1; w < kColumnWarps; ++w) sum += scratch[w * kWarp + lane];
  out[column] = from_float<Out>(sum);
}

template <typename Out>
void column_sum(const float* partial, std::int64_t parts, std::int64_t columns, Out* out, cudaStream_t stream) {
  if (columns == 0) return;
  const auto blocks = static_cast<unsigned>(ceil_div<std::int64_t>(columns, kWarp));
  SER_LAUNCH((column_sum_kernel<Out>), blocks, kColumnThreads, 0, stream, partial, parts, columns, out);
}

}  // namespace ser::cuda
