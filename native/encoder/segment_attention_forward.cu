// Attention by segments, forward: one block takes 64 queries of one head of one segment and meets its keys 64 at a time, with
// the running maximum and sum of the softmax (Dao, "FlashAttention-2", 2023). Scores live in registers only. The bias of
// WavLM (Chen et al. 2022) is a gate a query times a table by distance: of the latter a tile needs 127 entries.
#include "encoder/segment_attention_tile.h"

namespace ser {
namespace attention {
namespace {

template <typename T, int HD>
struct ForwardShared {
  T* q;
  KeyTiles<T, HD> keys;
  float* stage;
  std::size_t bytes;

  __host__ __device__ explicit ForwardShared(unsigned char* start) {
    SharedParts parts(start);
    q = parts.take<T>(kTileElements<T, HD>);
    keys.k = parts.take<T>(kBuffers<T> * kTileElements<T, HD>);
    keys.v = parts.take<T>(kBuffers<T> * kTileElements<T, HD>);
    keys.slice = parts.take<float>(kBuffers<T> * kSlice);
    keys.keep = parts.take<std::uint32_t>(kBuffers<T> * kThreads);
    stage = parts.take<float>(sizeof(T) == 2 ? 0 : kTile * kStageStride);
    bytes = parts.used();
  }
};

template <typename T, int HD>
__global__ void __launch_bounds__(kThreads) attention_forward_kernel(const AttentionLaunch launch, const T* __restrict__ qkv,
                                                                     T* __restrict__ out, float* __restrict__ log_sum) {
  SER_DYNAMIC_SHARED(memory);
  const ForwardShared<T, HD> shared(memory);
  const Work work = this_work(launch);
  const int first = work.tile * kTile, frames = work.frames;
  if (first >= frames) return;
  const Lane at = this_lane();
  const int width = launch.head_width, all = launch.heads * width;
  const T* from = qkv + work.first * 3 * all + work.head * width;
  const bool biased = launch.table != nullptr, drops = launch.mask.threshold != 0;
  const float scale = 1.0f / sqrtf(static_cast<float>(width));

  KeyTiles<T, HD> keys = shared.keys;
  load_tile<T, HD>(shared.q, from, 3 * all, first, frames, width);
  keys.fetch(launch, work, from, 0);

  const int row = 16 * at.warp + at.g;  // the lane's first row in the tile; its second is 8 further
  float gate[2] = {0, 0};
  if (biased) {
    for (int half = 0; half < 2; ++half) {
      const int i = first + row + 8 * half;
      if (i < frames) gate[half] = launch.gate[(work.first + i) * launch.heads + work.head];
    }
  }
  float sums[HD / 8][4] = {};
  float peak[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};  // the total of the lane's own columns
  const int tiles = cuda::ceil_div(frames, kTile);
  for (int tile = 0; tile < tiles; ++tile) {
    const int buffer = tile % kBuffers<T>;
    cuda::wait_copies<0>();
    __syncthreads();  // the tile is there for all, and nobody reads the other buffer any more
    if (kBuffers<T> == 2 && tile + 1 < tiles) keys.fetch(launch, work, from, tile + 1);
    if (first + 16 * at.warp < frames) {
      float scores[kPieces][4] = {};
      multiply_transposed<HD>(shared.q + 16 * at.warp * kStride<T, HD>, keys.k + buffer * kTileElements<T, HD>, scores);
      const float* slice = keys.slice + buffer * kSlice;
      float most[2] = {peak[0], peak[1]};
#pragma unroll
      for (int n = 0; n < kPieces; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const int half = e / 2, column = 8 * n + 2 * at.q + e % 2;
          float x = scores[n][e] * scale;
          if (biased) x += gate[half] * slice[column - row - 8 * half + kTile - 1];
          if (tile * kTile + column >= frames) x = -INFINITY;
          scores[n][e] = x;
          most[half] = fmaxf(most[half], x);
        }
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        most[half] = row_max(most[half]);
        const float shrink = exponential<T>(peak[half] - most[half]);
        peak[half] = most[half];
        total[half] *= shrink;
#pragma unroll
        for (int n = 0; n < HD / 8; ++n) {
          sums[n][2 * half] *= shrink;
          sums[n][2 * half + 1] *= shrink;
        }
      }
      const std::uint32_t* keep = keys.keep + buffer * kThreads;
#pragma unroll
      for (int n = 0; n < kPieces; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const int half = e / 2;
          const float p = exponential<T>(scores[n][e] - peak[half]);
          total[half] += p;
          scores[n][e] = drops && !is_kept(keep, row + 8 * half, 8 * n + 2 * at.q + e % 2) ? 0.0f : p;
        }
      }
      multiply<HD>(scores, keys.v + buffer * kTileElements<T, HD>, shared.stage + 16 * at.warp * kStageStride, sums);
    }
    if (kBuffers<T> == 1 && tile + 1 < tiles) {
      __syncthreads();
      keys.fetch(launch, work, from, tile + 1);
    }
  }
  float factor[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    total[half] = row_sum(total[half]);
    factor[half] = launch.mask.scale / total[half];
    const int i = first + row + 8 * half;
    if (at.q == 0 && i < frames) log_sum[work.head * launch.rows + work.first + i] = peak[half] + logf(total[half]);
  }
  store_rows<T, HD>(sums, factor, out + work.first * all + work.head * width, all, first + 16 * at.warp, frames, width);
}

template <typename T, int HD>
void forward(const AttentionLaunch& launch, const void* qkv, void* out, float* log_sum, cudaStream_t stream) {
  const std::size_t bytes = ForwardShared<T, HD>(nullptr).bytes;
  const dim3 grid(static_cast<unsigned>(cuda::ceil_div(launch.longest, kTile) * launch.count),
                  static_cast<unsigned>(launch.heads));
  const auto attention_forward = attention_forward_kernel<T, HD>;
  cuda::allow_shared(attention_forward, bytes);
  SER_LAUNCH(attention_forward, grid, kThreads, bytes, stream, launch, static_cast<const T*>(qkv), static_cast<T*>(out),
             log_sum);
}

}  // namespace
}  // namespace attention

bool attention_cuda_fits(const AttentionLaunch& launch, bool bf16) {
  constexpr int kMostWidth = 64, kMostHeads = 256;
  constexpr std::int64_t kMostRows = 1 << 24;  // of a segment: the counter of the draws has 24 bits for them
  const std::int64_t tiles = cuda::ceil_div(launch.longest, kAttentionTile);
  return launch.head_width >= 1 && launch.head_width <= kMostWidth && launch.head_width % (bf16 ? 8 : 4) == 0 &&
         launch.heads <= kMostHeads && launch.longest < kMostRows && tiles * launch.count < (std::int64_t{1} << 31);
}

void launch_attention_forward(const AttentionLaunch& launch, bool bf16, const void* qkv, void* out, float* log_sum,
                              cudaStream_t stream) {
  if (launch.longest == 0) return;
  const bool narrow = launch.head_width <= 32;
  if (bf16) {
    if (narrow) {
      attention::forward<__nv_bfloat16, 32>(launch, qkv, out, log_sum, stream);
    } else {
      attention::forward<__nv_bfloat16, 64>(launch, qkv, out, log_sum, stream);
    }
  } else if (narrow) {
    attention::forward<float, 32>(launch, qkv, out, log_sum, stream);
  } else {
    attention::forward<float, 64>(launch, qkv, out, log_sum, stream);
  }
}

}  // namespace ser
