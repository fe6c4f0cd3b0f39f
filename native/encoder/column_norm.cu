// A norm over rows, column by column, with GELU or ReLU behind it: group norm with a group a channel over each utterance's frames,
// and batch norm over all frames that exist. Channels lie together, so a lane reads its columns side by side and no transposition
// is needed.
#include "cuda/column_sum.h"
#include "cuda/gelu.h"
#include "encoder/column_norm_cuda.h"

namespace ser::cuda {
namespace {

// What a thread has in hand: eight columns of every eighth row of a chunk.
struct Share {
  std::int64_t first_row, end_row, column;
  int group, count;
};

__device__ __forceinline__ Share share_of(const ColumnTable& table, std::int64_t width) {
  const ColumnChunk chunk = table.chunks[blockIdx.x];
  Share out;
  out.first_row = chunk.first_row + threadIdx.x / kWarp;
  out.end_row = chunk.first_row + chunk.rows;
  out.column = static_cast<std::int64_t>(blockIdx.y) * kTile + threadIdx.x % kWarp * kEight;
  out.group = chunk.group;
  out.count = static_cast<int>(min(width - out.column, std::int64_t{kEight}));
  return out;
}

// partial[chunk] = mean and sum of squares about it, 2 x width.
template <typename X>
__global__ void __launch_bounds__(kColumnThreads)
    chunk_statistics_kernel(ColumnTable table, const X* x, std::int64_t width, float* partial, bool vector) {
  SER_SHARED(float, scratch, kColumnWarps* kTile);
  SER_SHARED(float, joined, 2 * kTile);
  const Share share = share_of(table, width);
  if (share.group < 0) return;
  const ColumnChunk chunk = table.chunks[blockIdx.x];
  float origin[kEight], sums[kEight] = {}, squares[kEight] = {};
  load_eight(x + chunk.first_row * width + share.column, share.count, vector, origin);
  for (std::int64_t row = share.first_row; row < share.end_row; row += kColumnWarps) {
    float values[kEight];
    load_eight(x + row * width + share.column, share.count, vector, values);
#pragma unroll
    for (int j = 0; j < kEight; ++j) {
      const float d = values[j] - origin[j];
      sums[j] += d;
      squares[j] += d * d;
    }
  }
  const std::int64_t tile = static_cast<std::int64_t>(blockIdx.y) * kTile;
  join_warps(sums, scratch, 0, kTile, joined);
  join_warps(squares, scratch, 0, kTile, joined + kTile);
  const std::int64_t column = tile + threadIdx.x;
  if (column >= width) return;
  const auto n = static_cast<float>(chunk.rows);
  const float sum = joined[threadIdx.x], square = joined[kTile + threadIdx.x];
  float* out = partial + static_cast<std::int64_t>(blockIdx.x) * 2 * width + column;
  out[0] = to_float(x[chunk.first_row * width + column]) + sum / n;
  out[width] = max(square - sum * sum / n, 0.0f);
}

// Block (columns, group): warp w merges every eighth chunk, then the first warp merges the warps.
__global__ void __launch_bounds__(kColumnThreads)
    merge_statistics_kernel(ColumnTable table, const float* partial, std::int64_t width, float epsilon, ColumnStatistics out) {
  SER_SHARED(double, counts, kColumnWarps);
  SER_SHARED(double, means, kColumnThreads);
  SER_SHARED(double, squares, kColumnThreads);
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kWarp + lane, group = blockIdx.y;
  double n = 0, mean = 0, square = 0;
  const auto merge = [&](double other_n, double other_mean, double other_square) {
    if (other_n == 0) return;
    const double all = n + other_n, d = other_mean - mean;
    mean += d * other_n / all;
    square += other_square + d * d * n * other_n / all;
    n = all;
  };
  for (std::int64_t c = table.group_chunks[group] + warp; c < table.group_chunks[group + 1]; c += kColumnWarps) {
    const float* from = partial + c * 2 * width + column;
    if (column < width) merge(table.chunks[c].rows, from[0], from[width]);
  }
  if (lane == 0) counts[warp] = n;
  means[threadIdx.x] = mean;
  squares[threadIdx.x] = square;
  __syncthreads();
  if (warp != 0 || column >= width) return;
  for (int w = 1; w < kColumnWarps; ++w) merge(counts[w], means[w * kWarp + lane], squares[w * kWarp + lane]);
  const double variance = n > 0 ? square / n : 0;
  out.mean[group * width + column] = static_cast<float>(mean);
  out.rstd[group * width + column] = static_cast<float>(1 / sqrt(variance + static_cast<double>(epsilon)));
  if (out.variance != nullptr) out.variance[group * width + column] = static_cast<float>(variance);
  if (column == 0) out.count[group] = static_cast<float>(n);
}

// Of the thread's columns.
struct Columns {
  float mean[kEight], rstd[kEight], weight[kEight], shift[kEight];
};

template <typename X, typename Y>
__device__ __forceinline__ void load_columns(const ColumnNorm<X, Y>& work, const Share& share, bool vector, Columns& out) {
  const std::int64_t at = share.group * work.width + share.column;
  load_eight(work.mean + at, share.count, vector, out.mean);
  load_eight(work.rstd + at, share.count, vector, out.rstd);
  load_eight(work.weight + share.column, share.count, vector, out.weight);
  load_eight(work.shift + share.column, share.count, vector, out.shift);
}

template <Activation kind>
__device__ __forceinline__ float activation(float z) {
  if constexpr (kind == Activation::gelu) return gelu(z);
  return z < 0 ? 0.0f : z;  // NaN passes, so that the loss tells of it
}

template <Activation kind>
__device__ __forceinline__ float activation_slope(float z) {
  if constexpr (kind == Activation::gelu) return gelu_slope(z);
  return z > 0 ? 1.0f : 0.0f;
}

template <Activation kind, typename X, typename Y>
__global__ void __launch_bounds__(kColumnThreads) column_norm_kernel(ColumnNorm<X, Y> work, Y* y, bool vector) {
  const Share share = share_of(work.table, work.width);
  Columns columns;
  if (share.group >= 0) load_columns(work, share, vector, columns);
  for (std::int64_t row = share.first_row; row < share.end_row; row += kColumnWarps) {
    float values[kEight] = {};
    const std::int64_t at = row * work.width + share.column;
    if (share.group >= 0) {
      load_eight(work.x + at, share.count, vector, values);
#pragma unroll
      for (int j = 0; j < kEight; ++j) {
        const float normal = (values[j] - columns.mean[j]) * columns.rstd[j];
        values[j] = activation<kind>(normal * columns.weight[j] + columns.shift[j]);
      }
    }
    store_eight(y + at, share.count, vector, values);
  }
}

// partial[chunk] = sum of dz * normalised x, sum of dz; 2 x width.
template <Activation kind, typename X, typename Y>
__global__ void __launch_bounds__(kColumnThreads)
    chunk_gradient_kernel(ColumnNorm<X, Y> work, const Y* dy, float* partial, bool vector) {
  SER_SHARED(float, scratch, kColumnWarps* kTile);
  const Share share = share_of(work.table, work.width);
  if (share.group < 0) return;
  Columns columns;
  load_columns(work, share, vector, columns);
  float products[kEight] = {}, sums[kEight] = {};
  for (std::int64_t row = share.first_row; row < share.end_row; row += kColumnWarps) {
    float values[kEight], slope[kEight];
    load_eight(work.x + row * work.width + share.column, share.count, vector, values);
    load_eight(dy + row * work.width + share.column, share.count, vector, slope);
#pragma unroll
    for (int j = 0; j < kEight; ++j) {
      const float normal = (values[j] - columns.mean[j]) * columns.rstd[j];
      const float dz = slope[j] * activation_slope<kind>(normal * columns.weight[j] + columns.shift[j]);
      products[j] += dz * normal;
      sums[j] += dz;
    }
  }
  const std::int64_t tile = static_cast<std::int64_t>(blockIdx.y) * kTile;
  float* out = partial + static_cast<std::int64_t>(blockIdx.x) * 2 * work.width;
  join_warps(products, scratch, tile, work.width, out);
  join_warps(sums, scratch, tile, work.width, out + work.width);
}

// sums[group][i] = over the group's chunks, i < 2 * width.
__global__ void __launch_bounds__(kColumnThreads)
    merge_gradient_kernel(ColumnTable table, const float* partial, std::int64_t columns, float* sums) {
  SER_SHARED(float, scratch, kColumnThreads);
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kWarp + lane, group = blockIdx.y;
  float sum = 0;
  if (column < columns) {
    for (std::int64_t c = table.group_chunks[group] + warp; c < table.group_chunks[group + 1]; c += kColumnWarps)
      sum += partial[c * columns + column];
  }
  scratch[threadIdx.x] = sum;
  __syncthreads();
  if (warp != 0 || column >= columns) return;
  for (int w = 1; w < kColumnWarps; ++w) sum += scratch[w * kWarp + lane];
  sums[group * columns + column] = sum;
}

// dx = weight * rstd * (dz - mean(dz) - normalised x * mean(dz * normalised x)); the means are 0 for statistics that were given.
template <Activation kind, typename X, typename Y>
__global__ void __launch_bounds__(kColumnThreads)
    column_norm_backward_kernel(ColumnNorm<X, Y> work, const Y* dy, const float* count, const float* sums, X* dx, bool vector) {
  const Share share = share_of(work.table, work.width);
  Columns columns;
  float products[kEight] = {}, totals[kEight] = {};
  if (share.group >= 0) {
    load_columns(work, share, vector, columns);
    if (count != nullptr) {
      const float* from = sums + share.group * 2 * work.width + share.column;
      load_eight(from, share.count, vector, products);
      load_eight(from + work.width, share.count, vector, totals);
      const float n = count[share.group];
#pragma unroll
      for (int j = 0; j < kEight; ++j) {
        products[j] /= n;
        totals[j] /= n;
      }
    }
  }
  for (std::int64_t row = share.first_row; row < share.end_row; row += kColumnWarps) {
    float values[kEight], slope[kEight] = {};
    const std::int64_t at = row * work.width + share.column;
    if (share.group >= 0) {
      load_eight(work.x + at, share.count, vector, values);
      load_eight(dy + at, share.count, vector, slope);
#pragma unroll
      for (int j = 0; j < kEight; ++j) {
        const float normal = (values[j] - columns.mean[j]) * columns.rstd[j];
        const float dz = slope[j] * activation_slope<kind>(normal * columns.weight[j] + columns.shift[j]);
        slope[j] = columns.weight[j] * columns.rstd[j] * (dz - totals[j] - normal * products[j]);
      }
    }
    store_eight(dx + at, share.count, vector, slope);
  }
}

dim3 grid_of(const ColumnTable& table, std::int64_t width) {
  return {static_cast<unsigned>(table.count), static_cast<unsigned>(ceil_div<std::int64_t>(width, kTile))};
}

dim3 merge_grid(const ColumnTable& table, std::int64_t columns) {
  return {static_cast<unsigned>(ceil_div<std::int64_t>(columns, kWarp)), static_cast<unsigned>(table.groups)};
}

template <typename X, typename Y>
bool vectorised_norm(const ColumnNorm<X, Y>& work) {
  return vectorised(work.width, work.x) && vectorised(work.width, work.mean, work.rstd, work.weight, work.shift);
}

}  // namespace

std::int64_t column_norm_partial(std::int64_t chunks, std::int64_t width) { return chunks * 2 * width; }

template <typename X>
void column_statistics(const ColumnTable& table, const X* x, std::int64_t width, float epsilon, const ColumnStatistics& out,
                       float* partial, cudaStream_t stream) {
  if (table.groups == 0 || width == 0) return;
  if (table.count > 0) {
    SER_LAUNCH((chunk_statistics_kernel<X>), grid_of(table, width), kColumnThreads, 0, stream, table, x, width, partial,
               vectorised(width, x));
  }
  SER_LAUNCH(merge_statistics_kernel, merge_grid(table, width), kColumnThreads, 0, stream, table, partial, width, epsilon, out);
}

template <typename X, typename Y>
void column_norm(const ColumnNorm<X, Y>& work, Y* y, cudaStream_t stream) {
  if (work.table.count == 0 || work.width == 0) return;
  const dim3 grid = grid_of(work.table, work.width);
  const bool vector = vectorised_norm(work) && vectorised(work.width, y);
  if (work.activation == Activation::gelu) {
    SER_LAUNCH((column_norm_kernel<Activation::gelu, X, Y>), grid, kColumnThreads, 0, stream, work, y, vector);
  } else {
    SER_LAUNCH((column_norm_kernel<Activation::relu, X, Y>), grid, kColumnThreads, 0, stream, work, y, vector);
  }
}

namespace {

template <Activation kind, typename X, typename Y>
void launch_backward(const ColumnNorm<X, Y>& work, const Y* dy, const float* count, X* dx, float* sums, float* partial,
                     cudaStream_t stream) {
  const dim3 grid = grid_of(work.table, work.width);
  const bool vector =
      vectorised_norm(work) && vectorised(work.width, dy) && vectorised(work.width, dx) && vectorised(work.width, sums);
  SER_LAUNCH((chunk_gradient_kernel<kind, X, Y>), grid, kColumnThreads, 0, stream, work, dy, partial, vector);
  SER_LAUNCH(merge_gradient_kernel, merge_grid(work.table, 2 * work.width), kColumnThreads, 0, stream, work.table, partial,
             2 * work.width, sums);
  SER_LAUNCH((column_norm_backward_kernel<kind, X, Y>), grid, kColumnThreads, 0, stream, work, dy, count, sums, dx, vector);
}

}  // namespace

template <typename X, typename Y>
void column_norm_backward(const ColumnNorm<X, Y>& work, const Y* dy, const float* count, X* dx, float* sums, float* partial,
                          cudaStream_t stream) {
  if (work.table.count == 0 || work.table.groups == 0 || work.width == 0) return;
  if (work.activation == Activation::gelu) {
    launch_backward<Activation::gelu>(work, dy, count, dx, sums, partial, stream);
  } else {
    launch_backward<Activation::relu>(work, dy, count, dx, sums, partial, stream);
  }
}

#define SER_STAMP(X, Y)                                                       \
  template void column_norm<X, Y>(const ColumnNorm<X, Y>&, Y*, cudaStream_t); \
  template void column_norm_backward<X, Y>(const ColumnNorm<X, Y>&, const Y*, const float*, X*, float*, float*, cudaStream_t);
SER_STAMP(float, float)
SER_STAMP(float, __nv_bfloat16)
SER_STAMP(__nv_bfloat16, __nv_bfloat16)
#undef SER_STAMP
template void column_statistics<float>(const ColumnTable&, const float*, std::int64_t, float, const ColumnStatistics&, float*,
                                       cudaStream_t);
template void column_statistics<__nv_bfloat16>(const ColumnTable&, const __nv_bfloat16*, std::int64_t, float,
                                               const ColumnStatistics&, float*, cudaStream_t);

}  // namespace ser::cuda
