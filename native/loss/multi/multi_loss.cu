// The multi-loss and all its input gradients: what multi_loss.cc does in some fifty operations, in one launch up to 256 rows.
//
// Blocks of one launch cannot wait for each other, and what a row's gradient needs from the others is small: so each block works
// out for itself whatever it needs of all rows (dominant classes, the distances' sum, SupCon's statistics), instead of passing it
// on. That costs arithmetic, B^2 D multiplications a block, and neither state, nor a second launch, nor an atomic operation.
// Block 0 has the values and the logits' gradient, then come blocks for the embedding and the centers, then one for each 64
// anchors. Above 256 rows the same functions run in four launches that pass a few floats a row on through the workspace.
#include <algorithm>
#include <cmath>

#include "loss/multi/supcon_tiles.cuh"

namespace ser::cuda {
namespace multi_loss {
namespace {

// Columns of a block that works on the embedding and the centers.
constexpr int kColumns = 128;
constexpr int kColumnsPerLane = kColumns / kWarp;

struct Sums {
  double kl, focal, center, supcon;  // over the rows
  int anchors;
};

// What the gradients need of all rows.
struct Slopes {
  float center, supcon;
};

__device__ __forceinline__ double batch_sum(const float* values, int batch, double* scratch) {
  double sum = 0;
  for (int i = threadIdx.x; i < batch; i += kThreads) sum += values[i];
  return block_reduce<Sum>(sum, scratch);
}

__device__ __forceinline__ int count_anchors(const float* share, int batch, double* scratch) {
  double count = 0;
  for (int i = threadIdx.x; i < batch; i += kThreads) count += share[i] > 0 ? 1 : 0;
  return static_cast<int>(block_reduce<Sum>(count, scratch));
}

// d (L / (1 + L)) / d L = 1 / (1 + L)^2, times 2 weight / B from the mean of squares.
__device__ __forceinline__ float center_slope(const Problem& p, double sum) {
  const double raw = sum / p.batch;
  return static_cast<float>(2 * p.center_weight / p.batch / ((raw + 1) * (raw + 1)));
}

__device__ __forceinline__ float supcon_slope(const Problem& p, int anchors) {
  return static_cast<float>(p.supcon_weight * p.by_batch / p.temperature / max(anchors, 1));
}

// By one thread.
__device__ __forceinline__ void write_values(const Problem& p, const Sums& sums, const MultiLossResult& result) {
  const double center = sums.center / p.batch;
  const double raw[4] = {sums.kl / p.batch, sums.focal / p.batch, center, sums.supcon / max(sums.anchors, 1)};
  const double scaled[4] = {raw[0] * p.by_classes, raw[1] * p.by_classes, center / (center + 1), raw[3] * p.by_batch};
  const double weights[4] = {p.kl_weight, p.focal_weight, p.center_weight, p.supcon_weight};
  double total = 0;
  for (int k = 0; k < 4; ++k) {
    result.components[k] = raw[k];
    result.components[4 + k] = scaled[k];
    if (weights[k] != 0) total += scaled[k] * weights[k];  // a term switched off cannot poison the total with 0 * inf
  }
  *result.total = total;
}

// All threads of one block; thread 0 has the sums.
__device__ __forceinline__ Sums sum_rows(const Problem& p, const Rows& rows, double* scratch) {
  Sums sums{};
  sums.kl = batch_sum(rows.kl, p.batch, scratch);
  sums.focal = batch_sum(rows.focal, p.batch, scratch);
  sums.center = batch_sum(rows.distance, p.batch, scratch);
  if (p.contrast != nullptr) {
    sums.supcon = batch_sum(rows.contrast, p.batch, scratch);
    sums.anchors = count_anchors(rows.share, p.batch, scratch);
  }
  return sums;
}

__host__ __device__ __forceinline__ int center_blocks(const Problem& p) {
  return ceil_div(p.embedding_columns, kColumns) * ceil_div(p.classes, kWarps);
}

// 128 columns of the embedding's and the centers' gradient. A warp has a class, and sums its rows in the order of the batch; the
// rows of the embedding are shared out among the blocks of the same columns.
__device__ __forceinline__ void center_gradient(const Problem& p, const MultiLossResult& result, const int* dominant,
                                                float slope, int block) {
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int parts = ceil_div(p.classes, kWarps), own = block % parts * kWarps + warp;
  const int first = block / parts * kColumns + lane;
  for (int i = own; i < p.batch; i += parts * kWarps) {
    const std::int64_t row = static_cast<std::int64_t>(i) * p.embedding_columns;
    const std::int64_t center = static_cast<std::int64_t>(dominant[i]) * p.embedding_columns;
#pragma unroll
    for (int q = 0; q < kColumnsPerLane; ++q) {
      const int d = first + q * kWarp;
      if (d >= p.embedding_columns) continue;
      result.embedding[row + d] = slope != 0 ? (p.embedding[row + d] - p.centers[center + d]) * slope : 0.0f;
    }
  }
  if (own >= p.classes) return;
  const std::int64_t center = static_cast<std::int64_t>(own) * p.embedding_columns;
  float sum[kColumnsPerLane] = {};
  for (int i = 0; i < p.batch; ++i) {
    if (dominant[i] != own) continue;
    const std::int64_t row = static_cast<std::int64_t>(i) * p.embedding_columns;
#pragma unroll
    for (int q = 0; q < kColumnsPerLane; ++q) {
      const int d = first + q * kWarp;
      if (d < p.embedding_columns) sum[q] += p.embedding[row + d] - p.centers[center + d];
    }
  }
#pragma unroll
  for (int q = 0; q < kColumnsPerLane; ++q) {
    const int d = first + q * kWarp;
    if (d < p.embedding_columns) result.centers[center + d] = slope != 0 ? -sum[q] * slope : 0.0f;
  }
}

__device__ __forceinline__ void no_contrast_gradient(const Problem& p, int i0, float* gradient) {
  const std::int64_t end = static_cast<std::int64_t>(min(i0 + kTile, p.batch)) * p.contrast_columns;
  const std::int64_t begin = static_cast<std::int64_t>(i0) * p.contrast_columns;
  for (std::int64_t k = begin + threadIdx.x; k < end; k += kThreads) gradient[k] = 0;
}

__global__ __launch_bounds__(kThreads) void multi_loss_kernel(Problem p, MultiLossResult result) {
  SER_SHARED(int, dominant, kMultiLossSmallBatch);
  SER_SHARED(float, kl, kMultiLossSmallBatch);
  SER_SHARED(float, focal, kMultiLossSmallBatch);
  SER_SHARED(float, distance, kMultiLossSmallBatch);
  SER_SHARED(float, inverse, kMultiLossSmallBatch);
  SER_SHARED(float, lse, kMultiLossSmallBatch);
  SER_SHARED(float, share, kMultiLossSmallBatch);
  SER_SHARED(float, contrast, kMultiLossSmallBatch);
  SER_SHARED(float4, tile_memory, kTileFloats / 4);
  SER_SHARED(float4, pair_memory, kTileFloats / 4);
  SER_SHARED(double, scratch, kWarps);
  float* tile = &tile_memory[0].x;
  float* pair = &pair_memory[0].x;
  const Rows rows{dominant, kl, focal, distance, inverse, lse, share, contrast};
  const int centers = center_blocks(p);
  const int block = static_cast<int>(blockIdx.x);
  const bool has_values = block == 0, has_centers = !has_values && block <= centers;
  const bool has_contrast = !has_values && !has_centers;
  const int i0 = (block - centers - 1) * kTile;
  if (has_contrast && supcon_slope(p, 1) == 0) {
    no_contrast_gradient(p, i0, result.contrast);
    return;
  }

  find_dominant(p, 0, p.batch, rows);
  if (!has_centers && p.contrast != nullptr) measure_norms(p, 0, p.batch, rows);
  __syncthreads();
  if (has_values) classify(p, 0, p.batch, rows, result.logits);
  if (!has_contrast) measure_distances(p, 0, p.batch, rows);
  if (!has_centers && p.contrast != nullptr) {
    for (int first = 0; first < p.batch; first += kTile) anchor_statistics(p, rows, first, tile);
  }
  __syncthreads();

  if (has_values) {
    const Sums sums = sum_rows(p, rows, scratch);
    if (threadIdx.x == 0) write_values(p, sums, result);
  } else if (has_centers) {
    center_gradient(p, result, dominant, center_slope(p, batch_sum(distance, p.batch, scratch)), block - 1);
  } else {
    contrast_gradient(p, rows, i0, supcon_slope(p, count_anchors(share, p.batch, scratch)), tile, pair, result.contrast);
  }
}

__global__ __launch_bounds__(kThreads) void rows_kernel(Problem p, MultiLossResult result, Rows rows) {
  const int begin = static_cast<int>(blockIdx.x) * kGroups, end = min(begin + kGroups, p.batch);
  find_dominant(p, begin, end, rows);
  if (p.contrast != nullptr) measure_norms(p, begin, end, rows);
  __syncthreads();
  classify(p, begin, end, rows, result.logits);
  measure_distances(p, begin, end, rows);
}

__global__ __launch_bounds__(kThreads) void statistics_kernel(Problem p, Rows rows) {
  SER_SHARED(float4, tile_memory, kTileFloats / 4);
  anchor_statistics(p, rows, static_cast<int>(blockIdx.x) * kTile, &tile_memory[0].x);
}

__global__ __launch_bounds__(kThreads) void sums_kernel(Problem p, MultiLossResult result, Rows rows, Slopes* slopes) {
  SER_SHARED(double, scratch, kWarps);
  const Sums sums = sum_rows(p, rows, scratch);
  if (threadIdx.x != 0) return;
  write_values(p, sums, result);
  *slopes = {center_slope(p, sums.center), supcon_slope(p, sums.anchors)};
}

__global__ __launch_bounds__(kThreads) void gradients_kernel(Problem p, MultiLossResult result, Rows rows,
                                                             const Slopes* slopes) {
  SER_SHARED(float4, tile_memory, kTileFloats / 4);
  SER_SHARED(float4, pair_memory, kTileFloats / 4);
  const int centers = center_blocks(p), block = static_cast<int>(blockIdx.x);
  if (block < centers) {
    center_gradient(p, result, rows.dominant, slopes->center, block);
    return;
  }
  const int i0 = (block - centers) * kTile;
  if (slopes->supcon == 0) {
    no_contrast_gradient(p, i0, result.contrast);
  } else {
    contrast_gradient(p, rows, i0, slopes->supcon, &tile_memory[0].x, &pair_memory[0].x, result.contrast);
  }
}

__global__ __launch_bounds__(kThreads) void scale_kernel(const float* saved, const double* upstream, float* out,
                                                         std::int64_t count) {
  const float factor = static_cast<float>(*upstream);
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads, quads = count / 4;
  for (std::int64_t k = at; k < quads; k += step) {
    float4 value = reinterpret_cast<const float4*>(saved)[k];
    value = make_float4(value.x * factor, value.y * factor, value.z * factor, value.w * factor);
    reinterpret_cast<float4*>(out)[k] = value;
  }
  for (std::int64_t k = 4 * quads + at; k < count; k += step) out[k] = saved[k] * factor;
}

Problem prepare(const MultiLossProblem& given) {
  return {given, given.classes > 1 ? 1 / std::log(static_cast<double>(given.classes)) : 0.0,
          given.batch > 2 ? 1 / std::log(static_cast<double>(given.batch - 1)) : 0.0};
}

// The workspace as arrays of `batch` floats, the slopes at its end.
Rows rows_in(float* workspace, int batch) {
  const auto part = [&](int k) { return workspace + static_cast<std::size_t>(k) * static_cast<std::size_t>(batch); };
  return {reinterpret_cast<int*>(part(0)), part(1), part(2), part(3), part(4), part(5), part(6), part(7)};
}

}  // namespace
}  // namespace multi_loss

std::size_t multi_loss_workspace(int batch) {
  return batch <= kMultiLossSmallBatch ? 0 : 8 * static_cast<std::size_t>(batch) + sizeof(multi_loss::Slopes) / sizeof(float);
}

void multi_loss_forward(const MultiLossProblem& given, const MultiLossResult& result, float* workspace, void* stream) {
  using namespace multi_loss;
  const Problem problem = prepare(given);
  const auto on = static_cast<cudaStream_t>(stream);
  const auto blocks = [](int count) { return dim3(static_cast<unsigned>(count)); };
  const int tiles = problem.contrast != nullptr ? ceil_div(problem.batch, kTile) : 0;
  const int gradient_blocks = center_blocks(problem) + tiles;
  if (problem.batch <= kMultiLossSmallBatch) {
    SER_LAUNCH(multi_loss_kernel, blocks(1 + gradient_blocks), kThreads, 0, on, problem, result);
    return;
  }
  const Rows rows = rows_in(workspace, problem.batch);
  auto* slopes = reinterpret_cast<Slopes*>(workspace + 8 * static_cast<std::size_t>(problem.batch));
  SER_LAUNCH(rows_kernel, blocks(ceil_div(problem.batch, kGroups)), kThreads, 0, on, problem, result, rows);
  if (tiles > 0) SER_LAUNCH(statistics_kernel, blocks(tiles), kThreads, 0, on, problem, rows);
  SER_LAUNCH(sums_kernel, 1, kThreads, 0, on, problem, result, rows, slopes);
  SER_LAUNCH(gradients_kernel, blocks(gradient_blocks), kThreads, 0, on, problem, result, rows, slopes);
}

void multi_loss_backward(const float* saved, const double* upstream, float* out, std::int64_t count, void* stream) {
  using namespace multi_loss;
  if (count == 0) return;
  const std::int64_t blocks = std::min<std::int64_t>(ceil_div<std::int64_t>(count, 4 * kThreads), 1024);
  SER_LAUNCH(scale_kernel, static_cast<unsigned>(blocks), kThreads, 0, static_cast<cudaStream_t>(stream), saved, upstream, out,
             count);
}

}  // namespace ser::cuda
