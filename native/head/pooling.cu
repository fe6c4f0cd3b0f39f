// FLAM's pooling, forward and backward. Not yet run on a GPU.
//
// The frames are the only large thing here (8 KB a frame at D = 1024 with F and A in float), so each pass reads them once: a
// warp holds a frame of F and A in registers, forms its score, and adds it to running sums that are rescaled where a greater
// score is met (online softmax: Milakov and Gimelshein, arXiv 1805.02867). An utterance is cut into chunks of kChunk frames, a
// block each, whose sums a second launch joins. The backward pass needs sum_t w_t dL/dw_t before it can give any frame its
// gradient; that sum is (dL/dpF) pF + (dL/dpA) pA, so it costs no reading of frames either.
//
// Chunks are counted from an utterance's own first frame and all sums have one order: the bits of an utterance's result
// depend neither on its batch mates nor on the GPU.
#include "cuda/reduce.h"
#include "cuda/segment_chunks.h"
#include "head/pooling_cuda.h"

namespace ser {
namespace {

using cuda::ceil_div;
using cuda::kWarp;

constexpr int kWarps = 8, kThreads = kWarps * kWarp;
constexpr std::int64_t kChunk = 32;

// V neighbouring values as floats; V = 4 needs addresses that are multiples of four values.
template <int V>
struct Values {
  float at[V];
};

template <int V>
__device__ __forceinline__ Values<V> load(const float* from) {
  if constexpr (V == 4) {
    const float4 x = *reinterpret_cast<const float4*>(from);
    return {{x.x, x.y, x.z, x.w}};
  } else {
    return {{*from}};
  }
}

template <int V>
__device__ __forceinline__ Values<V> load(const __nv_bfloat16* from) {
  if constexpr (V == 4) {
    const uint2 x = *reinterpret_cast<const uint2*>(from);
    return {{__uint_as_float(x.x << 16), __uint_as_float(x.x & 0xffff0000u), __uint_as_float(x.y << 16),
             __uint_as_float(x.y & 0xffff0000u)}};
  } else {
    return {{__bfloat162float(*from)}};
  }
}

template <int V>
__device__ __forceinline__ void store(float* to, const Values<V>& x) {
  if constexpr (V == 4) {
    *reinterpret_cast<float4*>(to) = make_float4(x.at[0], x.at[1], x.at[2], x.at[3]);
  } else {
    *to = x.at[0];
  }
}

template <int V>
__device__ __forceinline__ void store(__nv_bfloat16* to, const Values<V>& x) {
  if constexpr (V == 4) {
    reinterpret_cast<__nv_bfloat162*>(to)[0] = __floats2bfloat162_rn(x.at[0], x.at[1]);
    reinterpret_cast<__nv_bfloat162*>(to)[1] = __floats2bfloat162_rn(x.at[2], x.at[3]);
  } else {
    *to = __float2bfloat16(x.at[0]);
  }
}

// Column of a lane's group g of V values; a warp's groups lie side by side.
template <int V>
__device__ __forceinline__ int column(int g) {
  return (g * kWarp + static_cast<int>(threadIdx.x % kWarp)) * V;
}

// A row of F or A as one warp holds it; zeros beyond the width.
template <int V, int G>
struct Row {
  Values<V> group[G];
};

template <int V, int G, typename T>
__device__ __forceinline__ void load_row(const T* from, int width, Row<V, G>& row) {
#pragma unroll
  for (int g = 0; g < G; ++g) row.group[g] = column<V>(g) < width ? load<V>(from + column<V>(g)) : Values<V>{};
}

// The lane's part of the product of a row with `with`, which lies in shared memory.
template <int V, int G>
__device__ __forceinline__ float partial_dot(const Row<V, G>& row, const float* with, int width) {
  float sum = 0;
#pragma unroll
  for (int g = 0; g < G; ++g) {
    if (column<V>(g) >= width) continue;
    const Values<V> other = load<V>(with + column<V>(g));
#pragma unroll
    for (int i = 0; i < V; ++i) sum += row.group[g].at[i] * other.at[i];
  }
  return sum;
}

// sum = keep * sum + factor * row
template <int V, int G>
__device__ __forceinline__ void accumulate(Row<V, G>& sum, float keep, float factor, const Row<V, G>& row) {
#pragma unroll
  for (int g = 0; g < G; ++g) {
#pragma unroll
    for (int i = 0; i < V; ++i) sum.group[g].at[i] = keep * sum.group[g].at[i] + factor * row.group[g].at[i];
  }
}

// Adds the warps' sums, warp by warp, times each warp's factor, and writes them to `to`, 2 D floats. `shared` has as many.
template <int V, int G>
__device__ void join_warps(const Row<V, G>& sum_f, const Row<V, G>& sum_a, float factor, int width, float* shared, float* to) {
  const int warp = threadIdx.x / kWarp;
  for (int w = 0; w < kWarps; ++w) {
    if (warp == w) {
#pragma unroll
      for (int g = 0; g < G; ++g) {
        const int c = column<V>(g);
        if (c >= width) continue;
#pragma unroll
        for (int i = 0; i < V; ++i) {
          const float f = factor * sum_f.group[g].at[i], a = factor * sum_a.group[g].at[i];
          shared[c + i] = w == 0 ? f : shared[c + i] + f;
          shared[width + c + i] = w == 0 ? a : shared[width + c + i] + a;
        }
      }
    }
    __syncthreads();
  }
  for (int c = threadIdx.x; c < 2 * width; c += kThreads) to[c] = shared[c];
}

// Scratch of the forward pass: for each chunk its greatest score and the sum of exp(score - greatest), then its sums, 2 D.
// Weights hold the scores until the second launch.
template <typename T, int V, int G>
__global__ void __launch_bounds__(kThreads) flam_pool_kernel(FlamPool pool, float* stats, float* partial) {
  SER_DYNAMIC_SHARED(memory);
  SER_SHARED(float, greatest, kWarps);
  SER_SHARED(float, total, kWarps);
  const int width = pool.width, lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  float* score = reinterpret_cast<float*>(memory);
  float* through = score + width;
  float* joined = through + width;
  const cuda::Chunk chunk = cuda::chunk_of_block(pool.offsets, pool.segments, kChunk);
  if (chunk.count == 0) return;
  for (int c = threadIdx.x; c < width; c += kThreads) {
    score[c] = pool.score[c];
    through[c] = pool.through[c];
  }
  __syncthreads();

  Row<V, G> f, a, sum_f{}, sum_a{};
  float most = -INFINITY, sum = 0;
  for (int i = warp; i < chunk.count; i += kWarps) {
    const std::int64_t row = chunk.first + i;
    load_row(static_cast<const T*>(pool.frames) + row * width, width, f);
    load_row(static_cast<const T*>(pool.attended) + row * width, width, a);
    const float s = cuda::warp_reduce<cuda::Sum>(partial_dot(f, score, width) + partial_dot(a, through, width));
    if (lane == 0) pool.weights[row] = s;
    const float next = max(most, s);
    const float keep = expf(most - next), weight = expf(s - next);
    sum = keep * sum + weight;
    accumulate(sum_f, keep, weight, f);
    accumulate(sum_a, keep, weight, a);
    most = next;
  }
  if (lane == 0) {
    greatest[warp] = most;
    total[warp] = sum;
  }
  __syncthreads();
  float all = greatest[0], whole = 0;
  for (int w = 1; w < kWarps; ++w) all = max(all, greatest[w]);
  for (int w = 0; w < kWarps; ++w) whole += total[w] * expf(greatest[w] - all);
  if (threadIdx.x == 0) {
    stats[2 * blockIdx.x] = all;
    stats[2 * blockIdx.x + 1] = whole;
  }
  join_warps(sum_f, sum_a, expf(most - all), width, joined, partial + static_cast<std::int64_t>(blockIdx.x) * 2 * width);
}

// A block for an utterance and kThreads of the 2 D columns.
__global__ void __launch_bounds__(kThreads) flam_pool_join_kernel(FlamPool pool, const float* stats, const float* partial) {
  SER_SHARED(float, scratch, kWarps);
  const std::int64_t b = blockIdx.x, begin = pool.offsets[b], end = pool.offsets[b + 1];
  const std::int64_t first = cuda::first_chunk(begin, b, kChunk), last = first + ceil_div(end - begin, kChunk);
  float most = -INFINITY;
  for (std::int64_t c = first + threadIdx.x; c < last; c += kThreads) most = max(most, stats[2 * c]);
  most = cuda::block_reduce<cuda::Max>(most, scratch);
  float total = 0;
  for (std::int64_t c = first + threadIdx.x; c < last; c += kThreads) total += stats[2 * c + 1] * expf(stats[2 * c] - most);
  total = cuda::block_reduce<cuda::Sum>(total, scratch);

  const int width = pool.width, column = static_cast<int>(blockIdx.y * kThreads + threadIdx.x);
  if (column < 2 * width) {
    float sum = 0;
    for (std::int64_t c = first; c < last; ++c) sum += expf(stats[2 * c] - most) * partial[c * 2 * width + column];
    const float value = begin == end ? 0.0f : sum / total;
    if (column < width) {
      pool.pooled_frames[b * width + column] = value;
    } else {
      pool.pooled_attended[b * width + column - width] = value;
    }
  }
  if (blockIdx.y != 0) return;
  for (std::int64_t t = begin + threadIdx.x; t < end; t += kThreads) pool.weights[t] = expf(pool.weights[t] - most) / total;
}

// sum_t w_t dL/dw_t of each utterance.
__global__ void __launch_bounds__(kThreads) flam_pool_dot_kernel(FlamPool pool, FlamPoolGradient gradient, float* dots) {
  SER_SHARED(float, scratch, kWarps);
  const std::int64_t b = blockIdx.x, at = b * pool.width;
  float sum = 0;
  for (int c = threadIdx.x; c < pool.width; c += kThreads) {
    sum += gradient.d_pooled_frames[at + c] * pool.pooled_frames[at + c] +
           gradient.d_pooled_attended[at + c] * pool.pooled_attended[at + c];
  }
  if (gradient.d_weights != nullptr) {
    for (std::int64_t t = pool.offsets[b] + threadIdx.x; t < pool.offsets[b + 1]; t += kThreads) {
      sum += pool.weights[t] * gradient.d_weights[t];
    }
  }
  sum = cuda::block_reduce<cuda::Sum>(sum, scratch);
  if (threadIdx.x == 0) dots[b] = sum;
}

// d_row = w * d_pooled + d_score_of_frame * vector
template <int V, int G, typename T>
__device__ __forceinline__ void write_gradient(T* to, float weight, const float* d_pooled, float d_s, const float* vector,
                                               int width) {
#pragma unroll
  for (int g = 0; g < G; ++g) {
    const int c = column<V>(g);
    if (c >= width) continue;
    const Values<V> d = load<V>(d_pooled + c), v = load<V>(vector + c);
    Values<V> out;
#pragma unroll
    for (int i = 0; i < V; ++i) out.at[i] = weight * d.at[i] + d_s * v.at[i];
    store(to + c, out);
  }
}

template <typename T, int V, int G>
__global__ void __launch_bounds__(kThreads)
    flam_pool_backward_kernel(FlamPool pool, FlamPoolGradient gradient, const float* dots, float* partial) {
  SER_DYNAMIC_SHARED(memory);
  const int width = pool.width, warp = threadIdx.x / kWarp;
  float* score = reinterpret_cast<float*>(memory);
  float* through = score + width;
  float* d_f = through + width;
  float* d_a = d_f + width;
  float* joined = d_a + width;
  const cuda::Chunk chunk = cuda::chunk_of_block(pool.offsets, pool.segments, kChunk);
  for (int c = threadIdx.x; c < width; c += kThreads) {
    score[c] = pool.score[c];
    through[c] = pool.through[c];
    d_f[c] = gradient.d_pooled_frames[chunk.segment * width + c];
    d_a[c] = gradient.d_pooled_attended[chunk.segment * width + c];
  }
  __syncthreads();

  const float dot = dots[chunk.segment];
  Row<V, G> f, a, sum_f{}, sum_a{};
  for (int i = warp; i < chunk.count; i += kWarps) {
    const std::int64_t row = chunk.first + i;
    load_row(static_cast<const T*>(pool.frames) + row * width, width, f);
    load_row(static_cast<const T*>(pool.attended) + row * width, width, a);
    float d_w = cuda::warp_reduce<cuda::Sum>(partial_dot(f, d_f, width) + partial_dot(a, d_a, width));
    if (gradient.d_weights != nullptr) d_w += gradient.d_weights[row];
    const float weight = pool.weights[row], d_s = weight * (d_w - dot);
    write_gradient<V, G>(static_cast<T*>(gradient.d_frames) + row * width, weight, d_f, d_s, score, width);
    write_gradient<V, G>(static_cast<T*>(gradient.d_attended) + row * width, weight, d_a, d_s, through, width);
    accumulate(sum_f, 1, d_s, f);
    accumulate(sum_a, 1, d_s, a);
  }
  // Blocks without frames write zeros, so that the next launch need not know which these are.
  join_warps(sum_f, sum_a, 1, width, joined, partial + static_cast<std::int64_t>(blockIdx.x) * 2 * width);
}

// d_score and d_through: the chunks' parts, warp w those of chunks w, w + kWarps and so on. A block has a column a lane.
__global__ void __launch_bounds__(kThreads)
    flam_pool_columns_kernel(FlamPoolGradient gradient, int width, std::int64_t chunks, const float* partial) {
  SER_SHARED(float, sums, kThreads);
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int column = static_cast<int>(blockIdx.x) * kWarp + lane;
  float sum = 0;
  if (column < 2 * width) {
    for (std::int64_t c = warp; c < chunks; c += kWarps) sum += partial[c * 2 * width + column];
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (warp != 0 || column >= 2 * width) return;
  for (int w = 1; w < kWarps; ++w) sum += sums[w * kWarp + lane];
  if (column < width) {
    gradient.d_score[column] = sum;
  } else {
    gradient.d_through[column - width] = sum;
  }
}

bool aligned(const void* pointer, std::size_t bytes) { return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0; }

// Calls `run` with the type of a value, the values a load takes and the groups of them that a lane holds.
template <typename Run>
void with_layout(const FlamPool& pool, bool vectors, const Run& run) {
  const auto of_type = [&]<typename T>(T) {
    if (!vectors && pool.width <= 8 * kWarp) {
      run.template operator()<T, 1, 8>();
    } else if (!vectors) {
      run.template operator()<T, 1, kWidestPool / kWarp>();
    } else if (pool.width <= 2 * 4 * kWarp) {
      run.template operator()<T, 4, 2>();
    } else if (pool.width <= 6 * 4 * kWarp) {
      run.template operator()<T, 4, 6>();
    } else if (pool.width <= 8 * 4 * kWarp) {
      run.template operator()<T, 4, 8>();
    } else {
      run.template operator()<T, 4, 10>();
    }
  };
  if (pool.half) {
    of_type(__nv_bfloat16(0.0f));
  } else {
    of_type(0.0f);
  }
}

bool by_vectors(const FlamPool& pool) {
  const std::size_t bytes = pool.half ? 8 : 16;
  return pool.width % 4 == 0 && aligned(pool.frames, bytes) && aligned(pool.attended, bytes);
}

void check_width(const FlamPool& pool) {
  if (pool.width >= 1 && pool.width <= kWidestPool) return;
  throw Error("E_ARGUMENT",
              "pooling: the frame width must be in 1.." + std::to_string(kWidestPool) + ", got " + std::to_string(pool.width));
}

}  // namespace

std::int64_t flam_pool_scratch(std::int64_t rows, std::int64_t segments, int width) {
  return cuda::chunk_numbers(rows, segments, kChunk) * (2 + 2 * static_cast<std::int64_t>(width)) + segments;
}

void flam_pool_forward(const FlamPool& pool, void* on) {
  check_width(pool);
  if (pool.segments == 0) return;
  const auto stream = static_cast<cudaStream_t>(on);
  const std::int64_t chunks = cuda::chunk_numbers(pool.rows, pool.segments, kChunk);
  float* stats = pool.scratch;
  float* partial = stats + 2 * chunks;
  const std::size_t shared = 4 * static_cast<std::size_t>(pool.width) * sizeof(float);
  with_layout(pool, by_vectors(pool), [&]<typename T, int V, int G>() {
    const auto flam_pool = flam_pool_kernel<T, V, G>;
    SER_LAUNCH(flam_pool, static_cast<unsigned>(chunks), kThreads, shared, stream, pool, stats, partial);
  });
  const dim3 grid(static_cast<unsigned>(pool.segments), static_cast<unsigned>(ceil_div(2 * pool.width, kThreads)));
  SER_LAUNCH(flam_pool_join_kernel, grid, kThreads, 0, stream, pool, stats, partial);
}

void flam_pool_backward(const FlamPool& pool, const FlamPoolGradient& gradient, void* on) {
  check_width(pool);
  const auto stream = static_cast<cudaStream_t>(on);
  const std::int64_t chunks = cuda::chunk_numbers(pool.rows, pool.segments, kChunk);
  float* dots = pool.scratch;
  float* partial = dots + pool.segments;
  const std::size_t shared = 6 * static_cast<std::size_t>(pool.width) * sizeof(float), bytes = pool.half ? 8 : 16;
  if (pool.segments > 0) {
    SER_LAUNCH(flam_pool_dot_kernel, static_cast<unsigned>(pool.segments), kThreads, 0, stream, pool, gradient, dots);
    const bool vectors = by_vectors(pool) && aligned(gradient.d_frames, bytes) && aligned(gradient.d_attended, bytes);
    with_layout(pool, vectors, [&]<typename T, int V, int G>() {
      const auto flam_pool_backward = flam_pool_backward_kernel<T, V, G>;
      SER_LAUNCH(flam_pool_backward, static_cast<unsigned>(chunks), kThreads, shared, stream, pool, gradient, dots, partial);
    });
  }
  SER_LAUNCH(flam_pool_columns_kernel, static_cast<unsigned>(ceil_div(2 * pool.width, kWarp)), kThreads, 0, stream, gradient,
             pool.width, chunks, partial);
}

}  // namespace ser
