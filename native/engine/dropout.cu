// Dropout with its residual: bandwidth work, so the mask is drawn again in the backward pass instead of kept.
#include <algorithm>

#include "cuda/apply_mask.h"
#include "engine/dropout_cuda.h"

namespace ser::cuda {
namespace {

constexpr int kThreads = 256;

// A warp has 256 columns of a row in hand.
template <typename X, typename Y>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(const X* x, const Y* residual, Y* y, std::int64_t rows, std::int64_t width, RowMask mask, bool vector) {
  const std::int64_t tiles = ceil_div<std::int64_t>(width, kTile), warps = kThreads / kWarp;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * warps;
  const int lane = threadIdx.x % kWarp;
  for (std::int64_t unit = blockIdx.x * warps + threadIdx.x / kWarp; unit < rows * tiles; unit += step) {
    const std::int64_t row = unit / tiles, column = unit % tiles * kTile, mine = column + lane * kEight;
    const int count = static_cast<int>(min(width - mine, std::int64_t{kEight}));
    const std::int64_t at = row * width + mine;
    float values[kEight], base[kEight];
    load_eight(x + at, count, vector, values);
    if (residual != nullptr) load_eight(residual + at, count, vector, base);
    apply_mask(mask, draws_of_row(mask, row, width), column, values);
    if (residual != nullptr) {
#pragma unroll
      for (int j = 0; j < kEight; ++j) values[j] += base[j];
    }
    store_eight(y + at, count, vector, values);
  }
}

}  // namespace

template <typename X, typename Y>
void dropout(const X* x, const Y* residual, Y* y, std::int64_t rows, std::int64_t width, const RowMask& mask,
             cudaStream_t stream) {
  const std::int64_t units = rows * ceil_div<std::int64_t>(width, kTile);
  if (units == 0) return;
  const auto blocks = static_cast<unsigned>(std::min<std::int64_t>(ceil_div<std::int64_t>(units, kThreads / kWarp), 1 << 20));
  SER_LAUNCH((dropout_kernel<X, Y>), blocks, kThreads, 0, stream, x, residual, y, rows, width, mask,
             vectorised(width, x, y) && vectorised(width, residual));
}

#define SER_STAMP(X, Y) \
  template void dropout<X, Y>(const X*, const Y*, Y*, std::int64_t, std::int64_t, const RowMask&, cudaStream_t);
SER_STAMP(float, float)
SER_STAMP(float, __nv_bfloat16)
SER_STAMP(__nv_bfloat16, float)
SER_STAMP(__nv_bfloat16, __nv_bfloat16)
#undef SER_STAMP

}  // namespace ser::cuda
