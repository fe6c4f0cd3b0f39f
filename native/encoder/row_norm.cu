// Bias, dropout, residual and LayerNorm, or a bias, LayerNorm and GELU, in one pass over memory each way. A LayerNorm alone gains
// nothing over LibTorch's at these widths; what is added and drawn around it costs no memory traffic of its own here.
#include "cuda/apply_mask.h"
#include "cuda/column_sum.h"
#include "cuda/gelu.h"
#include "cuda/reduce.h"
#include "encoder/row_norm_cuda.h"

namespace ser::cuda {
namespace {

// A warp takes a row at a time and keeps it in registers.
constexpr int kThreads = 128;
constexpr int kRows = kThreads / kWarp;
constexpr int kSums = 3;  // of weight, shift and bias

std::int64_t parts_of(std::int64_t rows) {
  const std::int64_t parts = ceil_div<std::int64_t>(rows, 4 * kRows);
  return parts < 1 ? 1 : parts < 264 ? parts : 264;
}

__device__ __forceinline__ int count_of(std::int64_t width, int tile) {
  const std::int64_t left = width - tile * kTile - static_cast<int>(threadIdx.x) % kWarp * kEight;
  return static_cast<int>(min(left, std::int64_t{kEight}));
}

// kTiles: tiles of 256 columns that a row has, at most.
template <int kTiles, typename X, typename R, typename N>
__global__ void __launch_bounds__(kThreads) row_norm_kernel(RowNorm<X, R, N> work, bool vector) {
  const std::int64_t width = work.width;
  const auto size = static_cast<float>(width);
  const int lane = threadIdx.x % kWarp;
  for (std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kRows + threadIdx.x / kWarp; row < work.rows;
       row += static_cast<std::int64_t>(gridDim.x) * kRows) {
    const RowDraws draws = draws_of_row(work.mask, row, width);
    float values[kTiles][kEight];
    float total = 0;
#pragma unroll
    for (int k = 0; k < kTiles; ++k) {
      if (k * kTile >= width) break;
      const int count = count_of(width, k);
      const std::int64_t column = k * kTile + lane * kEight, at = row * width + column;
      float add[kEight] = {};
      if (work.x != nullptr) {
        load_eight(work.x + at, count, vector, values[k]);
        if (work.bias != nullptr) load_eight(work.bias + column, count, vector, add);
#pragma unroll
        for (int j = 0; j < kEight; ++j) values[k][j] += add[j];
        apply_mask(work.mask, draws, k * kTile, values[k]);
      }
      if (work.residual != nullptr) {
        load_eight(work.residual + at, count, vector, add);
#pragma unroll
        for (int j = 0; j < kEight; ++j) values[k][j] = work.x != nullptr ? values[k][j] + add[j] : add[j];
      }
#pragma unroll
      for (int j = 0; j < kEight; ++j) {
        // As it is kept for the backward pass, so that both see the same row.
        if (work.sum != nullptr) values[k][j] = to_float(from_float<R>(values[k][j]));
        total += j < count ? values[k][j] : 0.0f;
      }
      if (work.sum != nullptr) store_eight(work.sum + at, count, vector, values[k]);
    }
    const float mean = warp_reduce<Sum>(total) / size;
    float squares = 0;
#pragma unroll
    for (int k = 0; k < kTiles; ++k) {
      if (k * kTile >= width) break;
      const int count = count_of(width, k);
#pragma unroll
      for (int j = 0; j < kEight; ++j) {
        const float d = values[k][j] - mean;
        squares += j < count ? d * d : 0.0f;
      }
    }
    const float rstd = rsqrtf(warp_reduce<Sum>(squares) / size + work.epsilon);
    if (lane == 0 && work.mean != nullptr) {
      work.mean[row] = mean;
      work.rstd[row] = rstd;
    }
#pragma unroll
    for (int k = 0; k < kTiles; ++k) {
      if (k * kTile >= width) break;
      const int count = count_of(width, k);
      const std::int64_t column = k * kTile + lane * kEight;
      float weight[kEight], shift[kEight];
      load_eight(work.weight + column, count, vector, weight);
      load_eight(work.shift + column, count, vector, shift);
#pragma unroll
      for (int j = 0; j < kEight; ++j) {
        const float z = (values[k][j] - mean) * rstd * weight[j] + shift[j];
        values[k][j] = work.gelu ? gelu(z) : z;
      }
      store_eight(work.y + row * width + column, count, vector, values[k]);
    }
  }
}

// With h = weight * dz, dz what arrives before GELU, and s^ the normalised row:
//   ds = rstd (h - mean(h) - s^ mean(h s^)) + what arrives at s;  d_weight = sum dz s^;  d_shift = sum dz;  d_bias = sum dx.
template <int kTiles, typename X, typename R, typename N>
__global__ void __launch_bounds__(kThreads) row_norm_backward_kernel(RowNormGradient<X, R, N> work, bool vector) {
  // A warp's own sums; each lane touches none but its own, [tile][j][lane] so that a warp's accesses lie side by side.
  SER_DYNAMIC_SHARED(memory);
  float* all = reinterpret_cast<float*>(memory);
  const std::int64_t width = work.width;
  const auto size = static_cast<float>(width);
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int padded = static_cast<int>(ceil_div<std::int64_t>(width, kTile)) * kTile;
  float* own = all + warp * kSums * padded;
  if (work.partial != nullptr) {
    for (int i = lane; i < kSums * padded; i += kWarp) own[i] = 0;
    __syncwarp();
  }
  const std::int64_t begin = work.rows * blockIdx.x / gridDim.x, end = work.rows * (blockIdx.x + 1) / gridDim.x;
  for (std::int64_t row = begin + warp; row < end; row += kRows) {
    const float mean = work.mean[row], rstd = work.rstd[row];
    float normal[kTiles][kEight], slope[kTiles][kEight];
    float total = 0, product = 0;
#pragma unroll
    for (int k = 0; k < kTiles; ++k) {
      if (k * kTile >= width) break;
      const int count = count_of(width, k);
      const std::int64_t column = k * kTile + lane * kEight, at = row * width + column;
      float weight[kEight], add[kEight] = {};
      load_eight(work.sum + at, count, vector, normal[k]);
      load_eight(work.dy + at, count, vector, slope[k]);
      load_eight(work.weight + column, count, vector, weight);
      if (work.sum_bias != nullptr) load_eight(work.sum_bias + column, count, vector, add);
#pragma unroll
      for (int j = 0; j < kEight; ++j) normal[k][j] = (normal[k][j] + add[j] - mean) * rstd;
      if (work.gelu) {
        load_eight(work.shift + column, count, vector, add);
#pragma unroll
        for (int j = 0; j < kEight; ++j) slope[k][j] *= gelu_slope(normal[k][j] * weight[j] + add[j]);
      }
#pragma unroll
      for (int j = 0; j < kEight; ++j) {
        if (work.partial != nullptr) {
          const int place = (k * kEight + j) * kWarp + lane;
          own[place] += slope[k][j] * normal[k][j];
          own[padded + place] += slope[k][j];
        }
        slope[k][j] *= weight[j];  // zero beyond the row's end
        total += slope[k][j];
        product += slope[k][j] * normal[k][j];
      }
    }
    total = warp_reduce<Sum>(total) / size;
    product = warp_reduce<Sum>(product) / size;
    const RowDraws draws = draws_of_row(work.mask, row, width);
#pragma unroll
    for (int k = 0; k < kTiles; ++k) {
      if (k * kTile >= width) break;
      const int count = count_of(width, k);
      const std::int64_t at = row * width + k * kTile + lane * kEight;
      float add[kEight] = {};
      if (work.d_sum != nullptr) load_eight(work.d_sum + at, count, vector, add);
#pragma unroll
      for (int j = 0; j < kEight; ++j) slope[k][j] = rstd * (slope[k][j] - total - normal[k][j] * product) + add[j];
      if (work.d_residual != nullptr) store_eight(work.d_residual + at, count, vector, slope[k]);
      if (work.dx == nullptr) continue;
      apply_mask(work.mask, draws, k * kTile, slope[k]);
      store_eight(work.dx + at, count, vector, slope[k]);
      if (work.partial == nullptr) continue;
#pragma unroll
      for (int j = 0; j < kEight; ++j) own[2 * padded + (k * kEight + j) * kWarp + lane] += slope[k][j];
    }
  }
  if (work.partial == nullptr) return;
  __syncthreads();
  for (int i = threadIdx.x; i < kSums * static_cast<int>(width); i += kThreads) {
    const int which = i / static_cast<int>(width), column = i % static_cast<int>(width);
    const int place = (column / kTile * kEight + column % kEight) * kWarp + column % kTile / kEight;
    float sum = 0;
    for (int w = 0; w < kRows; ++w) sum += all[(w * kSums + which) * padded + place];
    work.partial[(blockIdx.x * kSums + which) * width + column] = sum;
  }
}

void check_width(std::int64_t width) {
  if (width > kRowNormWidth) {
    throw Error("E_ARGUMENT", "LayerNorm on a GPU is for rows of at most " + std::to_string(kRowNormWidth) + " values, got " +
                                  std::to_string(width));
  }
}

}  // namespace

std::int64_t row_norm_partial(std::int64_t rows, std::int64_t width) { return parts_of(rows) * kSums * width; }

template <typename X, typename R, typename N>
void row_norm(const RowNorm<X, R, N>& work, cudaStream_t stream) {
  check_width(work.width);
  if (work.rows == 0 || work.width == 0) return;
  const bool vector = vectorised(work.width, work.x) && vectorised(work.width, work.residual, work.sum) &&
                      vectorised(work.width, work.y) && vectorised(work.width, work.bias, work.weight, work.shift);
  const std::int64_t blocks = ceil_div<std::int64_t>(work.rows, kRows);
  const auto grid = static_cast<unsigned>(blocks < (1 << 20) ? blocks : 1 << 20);
  if (work.width <= 4 * kTile) {
    SER_LAUNCH((row_norm_kernel<4, X, R, N>), grid, kThreads, 0, stream, work, vector);
  } else {
    SER_LAUNCH((row_norm_kernel<8, X, R, N>), grid, kThreads, 0, stream, work, vector);
  }
}

template <typename X, typename R, typename N>
void row_norm_backward(const RowNormGradient<X, R, N>& work, cudaStream_t stream) {
  check_width(work.width);
  if (work.width == 0) return;
  const bool vector = vectorised(work.width, work.sum, work.d_sum, static_cast<const R*>(work.d_residual)) &&
                      vectorised(work.width, work.dx) && vectorised(work.width, work.dy) &&
                      vectorised(work.width, work.sum_bias, work.weight, work.shift);
  const auto parts = static_cast<unsigned>(parts_of(work.rows));
  const std::size_t shared = work.partial == nullptr ? 0
                                                     : sizeof(float) * kRows * kSums * kTile *
                                                           static_cast<std::size_t>(ceil_div<std::int64_t>(work.width, kTile));
  if (work.width <= 4 * kTile) {
    allow_shared(row_norm_backward_kernel<4, X, R, N>, shared);
    SER_LAUNCH((row_norm_backward_kernel<4, X, R, N>), parts, kThreads, shared, stream, work, vector);
  } else {
    allow_shared(row_norm_backward_kernel<8, X, R, N>, shared);
    SER_LAUNCH((row_norm_backward_kernel<8, X, R, N>), parts, kThreads, shared, stream, work, vector);
  }
  if (work.partial != nullptr) column_sum(work.partial, parts, kSums * work.width, work.sums, stream);
}

#define SER_STAMP(X, R, N)                                                \
  template void row_norm<X, R, N>(const RowNorm<X, R, N>&, cudaStream_t); \
  template void row_norm_backward<X, R, N>(const RowNormGradient<X, R, N>&, cudaStream_t);
SER_STAMP(float, float, float)
SER_STAMP(__nv_bfloat16, __nv_bfloat16, __nv_bfloat16)
SER_STAMP(__nv_bfloat16, float, __nv_bfloat16)
SER_STAMP(__nv_bfloat16, float, float)
#undef SER_STAMP

}  // namespace ser::cuda
