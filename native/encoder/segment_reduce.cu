// Mean, context broadcast and maximum over the rows of each utterance. Not yet run on a GPU.
//
// A block has 32 neighbouring columns of one utterance, a lane each, and its warps take the rows in turn: every load of a warp
// is one line of memory, and columns give blocks enough (96 an utterance at 3 D = 3072) without cutting utterances up.
#include "cuda/reduce.h"
#include "cuda/segment_chunks.h"
#include "encoder/segment_reduce_cuda.h"

namespace ser {
namespace {

using cuda::ceil_div;
using cuda::kWarp;

constexpr int kWarps = 8, kThreads = kWarps * kWarp;
constexpr std::int64_t kChunk = 16;  // rows that a block of segment_spread_kernel writes

// Whether `a` is greater than `b` for a maximum that shows NaN.
__device__ inline bool beats(float a, float b) { return a > b || (a != a && b == b); }

template <typename T>
__global__ void __launch_bounds__(kThreads) segment_mean_kernel(PackedRows rows, float* mean) {
  SER_SHARED(float, sums, kThreads);
  const std::int64_t b = blockIdx.x, begin = rows.offsets[b], end = rows.offsets[b + 1];
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * kWarp + lane;
  const T* x = static_cast<const T*>(rows.x);
  float sum = 0;
  if (column < rows.width) {
#pragma unroll 4
    for (std::int64_t t = begin + warp; t < end; t += kWarps) sum += static_cast<float>(x[t * rows.width + column]);
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (warp != 0 || column >= rows.width) return;
  for (int w = 1; w < kWarps; ++w) sum += sums[w * kWarp + lane];
  mean[b * rows.width + column] = begin == end ? 0.0f : sum / static_cast<float>(end - begin);
}

// Blocks: chunks of rows by kThreads columns.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    segment_spread_kernel(PackedRows rows, float keep, const float* v, bool by_length, T* out) {
  const cuda::Chunk chunk = cuda::chunk_of_block(rows.offsets, rows.segments, kChunk);
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * kThreads + threadIdx.x;
  if (chunk.count == 0 || column >= rows.width) return;
  const std::int64_t length = rows.offsets[chunk.segment + 1] - rows.offsets[chunk.segment];
  const float added = v[chunk.segment * rows.width + column] * (by_length ? 1.0f / static_cast<float>(length) : 0.5f);
  const T* x = static_cast<const T*>(rows.x);
#pragma unroll 4
  for (int i = 0; i < chunk.count; ++i) {
    const std::int64_t at = (chunk.first + i) * rows.width + column;
    out[at] = static_cast<T>(keep != 0 ? keep * static_cast<float>(x[at]) + added : added);
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) segment_max_kernel(PackedRows rows, float* greatest, std::int64_t* row) {
  SER_SHARED(float, values, kThreads);
  SER_SHARED(std::int64_t, places, kThreads);
  const std::int64_t b = blockIdx.x, begin = rows.offsets[b], end = rows.offsets[b + 1];
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * kWarp + lane;
  const T* x = static_cast<const T*>(rows.x);
  float most = 0;
  std::int64_t place = -1;
  if (column < rows.width) {
    for (std::int64_t t = begin + warp; t < end; t += kWarps) {
      const auto value = static_cast<float>(x[t * rows.width + column]);
      if (place >= 0 && !beats(value, most)) continue;
      most = value;
      place = t;
    }
  }
  values[threadIdx.x] = most;
  places[threadIdx.x] = place;
  __syncthreads();
  if (warp != 0 || column >= rows.width) return;
  for (int w = 1; w < kWarps; ++w) {
    const float value = values[w * kWarp + lane];
    const std::int64_t other = places[w * kWarp + lane];
    if (other < 0) continue;
    // Of equal ones the first row's, whichever warp had it.
    const bool equal = value == most || (value != value && most != most);
    if (place >= 0 && !beats(value, most) && !(equal && other < place)) continue;
    most = value;
    place = other;
  }
  greatest[b * rows.width + column] = most;
  row[b * rows.width + column] = place;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    segment_scatter_kernel(PackedRows rows, const float* v, const std::int64_t* row, T* out) {
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * kThreads + threadIdx.x;
  if (column >= rows.width) return;
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * rows.width + column;
  if (row[at] >= 0) out[row[at] * rows.width + column] = static_cast<T>(v[at]);
}

dim3 blocks(std::int64_t x, std::int64_t width, int columns) {
  return dim3(static_cast<unsigned>(x), static_cast<unsigned>(ceil_div(width, static_cast<std::int64_t>(columns))));
}

template <typename Run>
void with_type(bool half, const Run& run) {
  if (half) {
    run.template operator()<__nv_bfloat16>();
  } else {
    run.template operator()<float>();
  }
}

bool empty(const PackedRows& rows) { return rows.segments == 0 || rows.width == 0; }

}  // namespace

void segment_mean_launch(const PackedRows& rows, float* mean, void* stream) {
  if (empty(rows)) return;
  with_type(rows.half, [&]<typename T>() {
    SER_LAUNCH(segment_mean_kernel<T>, blocks(rows.segments, rows.width, kWarp), kThreads, 0, static_cast<cudaStream_t>(stream),
               rows, mean);
  });
}

void segment_spread_launch(const PackedRows& rows, float keep, const float* v, bool by_length, void* out, void* stream) {
  if (empty(rows)) return;
  with_type(rows.half, [&]<typename T>() {
    SER_LAUNCH(segment_spread_kernel<T>, blocks(cuda::chunk_numbers(rows.rows, rows.segments, kChunk), rows.width, kThreads),
               kThreads, 0, static_cast<cudaStream_t>(stream), rows, keep, v, by_length, static_cast<T*>(out));
  });
}

void segment_max_launch(const PackedRows& rows, float* greatest, std::int64_t* row, void* stream) {
  if (empty(rows)) return;
  with_type(rows.half, [&]<typename T>() {
    SER_LAUNCH(segment_max_kernel<T>, blocks(rows.segments, rows.width, kWarp), kThreads, 0, static_cast<cudaStream_t>(stream),
               rows, greatest, row);
  });
}

void segment_scatter_launch(const PackedRows& rows, const float* v, const std::int64_t* row, void* out, void* stream) {
  if (empty(rows)) return;
  with_type(rows.half, [&]<typename T>() {
    SER_LAUNCH(segment_scatter_kernel<T>, blocks(rows.segments, rows.width, kThreads), kThreads, 0,
               static_cast<cudaStream_t>(stream), rows, v, row, static_cast<T*>(out));
  });
}

}  // namespace ser
