// Bias, GELU and dropout between the two products of a feed-forward layer, in one pass over memory each way: the product that
// comes before leaves its bias out.
#include <algorithm>

#include "cuda/apply_mask.h"
#include "cuda/column_sum.h"
#include "cuda/gelu.h"
#include "encoder/bias_gelu_cuda.h"

namespace ser::cuda {
namespace {

template <typename T>
__global__ void __launch_bounds__(kColumnThreads)
    bias_gelu_kernel(const T* x, const float* bias, T* y, std::int64_t rows, std::int64_t width, RowMask mask, bool vector) {
  const std::int64_t tiles = ceil_div<std::int64_t>(width, kTile);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kColumnWarps;
  const int lane = threadIdx.x % kWarp;
  for (std::int64_t unit = static_cast<std::int64_t>(blockIdx.x) * kColumnWarps + threadIdx.x / kWarp; unit < rows * tiles;
       unit += step) {
    const std::int64_t row = unit / tiles, column = unit % tiles * kTile, mine = column + lane * kEight;
    const int count = static_cast<int>(min(width - mine, std::int64_t{kEight}));
    float values[kEight], add[kEight] = {};
    load_eight(x + row * width + mine, count, vector, values);
    if (bias != nullptr) load_eight(bias + mine, count, vector, add);
#pragma unroll
    for (int j = 0; j < kEight; ++j) values[j] = gelu(values[j] + add[j]);
    apply_mask(mask, draws_of_row(mask, row, width), column, values);
    store_eight(y + row * width + mine, count, vector, values);
  }
}

// Block (tile, part): 256 columns of a part of the rows, a warp a row at a time.
template <typename T>
__global__ void __launch_bounds__(kColumnThreads)
    bias_gelu_backward_kernel(const T* x, const float* bias, const T* dy, T* dx, float* partial, std::int64_t rows,
                              std::int64_t width, RowMask mask, bool vector) {
  SER_SHARED(float, scratch, kColumnWarps* kTile);
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kTile, mine = column + threadIdx.x % kWarp * kEight;
  const int count = static_cast<int>(min(width - mine, std::int64_t{kEight}));
  const std::int64_t begin = rows * blockIdx.y / gridDim.y, end = rows * (blockIdx.y + 1) / gridDim.y;
  float add[kEight] = {}, sums[kEight] = {};
  if (bias != nullptr) load_eight(bias + mine, count, vector, add);
  for (std::int64_t row = begin + threadIdx.x / kWarp; row < end; row += kColumnWarps) {
    float values[kEight], slope[kEight];
    load_eight(x + row * width + mine, count, vector, values);
    load_eight(dy + row * width + mine, count, vector, slope);
    apply_mask(mask, draws_of_row(mask, row, width), column, slope);
#pragma unroll
    for (int j = 0; j < kEight; ++j) {
      slope[j] *= gelu_slope(values[j] + add[j]);
      sums[j] += slope[j];
    }
    store_eight(dx + row * width + mine, count, vector, slope);
  }
  if (partial != nullptr) join_warps(sums, scratch, column, width, partial + blockIdx.y * width);
}

}  // namespace

template <typename T>
void bias_gelu(const T* x, const float* bias, T* y, std::int64_t rows, std::int64_t width, const RowMask& mask,
               cudaStream_t stream) {
  const std::int64_t units = rows * ceil_div<std::int64_t>(width, kTile);
  if (units == 0) return;
  const auto blocks = static_cast<unsigned>(std::min<std::int64_t>(ceil_div<std::int64_t>(units, kColumnWarps), 1 << 20));
  SER_LAUNCH((bias_gelu_kernel<T>), blocks, kColumnThreads, 0, stream, x, bias, y, rows, width, mask,
             vectorised(width, x, y) && vectorised(width, bias));
}

std::int64_t bias_gelu_partial(std::int64_t rows, std::int64_t width) { return column_parts(rows) * width; }

template <typename T>
void bias_gelu_backward(const T* x, const float* bias, const T* dy, T* dx, float* d_bias, float* partial, std::int64_t rows,
                        std::int64_t width, const RowMask& mask, cudaStream_t stream) {
  if (width == 0) return;
  const std::int64_t parts = column_parts(rows);
  const dim3 grid(static_cast<unsigned>(ceil_div<std::int64_t>(width, kTile)), static_cast<unsigned>(parts));
  SER_LAUNCH((bias_gelu_backward_kernel<T>), grid, kColumnThreads, 0, stream, x, bias, dy, dx,
             d_bias != nullptr ? partial : nullptr, rows, width, mask, vectorised(width, x, dy, dx) && vectorised(width, bias));
  if (d_bias != nullptr) column_sum(partial, parts, width, d_bias, stream);
}

#define SER_STAMP(T)                                                                                                    \
  template void bias_gelu<T>(const T*, const float*, T*, std::int64_t, std::int64_t, const RowMask&, cudaStream_t);     \
  template void bias_gelu_backward<T>(const T*, const float*, const T*, T*, float*, float*, std::int64_t, std::int64_t, \
                                      const RowMask&, cudaStream_t);
SER_STAMP(float)
SER_STAMP(__nv_bfloat16)
#undef SER_STAMP

}  // namespace ser::cuda
