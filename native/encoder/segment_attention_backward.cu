// Attention by segments, backward. The weights are formed again from the forward pass' log-sums. With P the weights, keep the
// dropout's factors and delta_i = sum of d_out_i * out_i:
//   dV = (P keep)^T d_out    dP = d_out V^T    dS = P (keep dP - delta)    dQ = scale dS K    dK = scale dS^T Q
//   d_gate_i = sum over j of dS_ij table[j - i]    d_table[d] = sum over i of gate_i dS_i,i+d
// One kernel takes 64 queries and meets all keys (dQ, d_gate, parts of d_table), one takes 64 keys and meets all queries (dK,
// dV): two of seven products are done twice, and in return no two blocks add to the same number, so that a repeated launch
// gives the same bits.
#include "encoder/segment_attention_tile.h"

namespace ser {
namespace attention {
namespace {

// One warp a row and head.
template <typename T>
__global__ void __launch_bounds__(kThreads) attention_delta_kernel(const AttentionLaunch launch, const T* __restrict__ out,
                                                                   const T* __restrict__ d_out, float* __restrict__ delta) {
  const Lane at = this_lane();
  const std::int64_t task = static_cast<std::int64_t>(blockIdx.x) * (kThreads / kWarp) + at.warp;
  if (task >= launch.rows * launch.heads) return;
  // Packed rows of `out` are rows of heads: task is row * heads + head.
  const std::int64_t start = task * launch.head_width;
  float sum = 0;
  for (int d = at.lane; d < launch.head_width; d += kWarp) {
    sum += static_cast<float>(out[start + d]) * static_cast<float>(d_out[start + d]);
  }
  sum = cuda::warp_reduce<cuda::Sum>(sum);
  if (at.lane == 0) delta[task % launch.heads * launch.rows + task / launch.heads] = sum;
}

// A score's weight, from the forward pass' log-sum of its row. Rounding must not make it more than 1; NaN stays.
template <typename T>
__device__ __forceinline__ float weight_of(float score, float log_sum) {
  const float below = score - log_sum;
  return exponential<T>(below > 0.0f ? 0.0f : below);
}

// Of the gradients of the bias: gate and this block's part of the table. The part's entry x is distance x - 63 - first query.
struct BiasGradient {
  float* d_gate;
  float* table_parts;
};

__host__ __device__ inline int part_size(int longest) { return (cuda::ceil_div(longest, kTile) + 1) * kTile; }

template <typename T, int HD>
struct QueriesShared {
  T *q, *up;
  KeyTiles<T, HD> keys;
  float *stage, *carry;
  std::size_t bytes;

  __host__ __device__ explicit QueriesShared(unsigned char* start) {
    SharedParts parts(start);
    q = parts.take<T>(kTileElements<T, HD>);
    up = parts.take<T>(kTileElements<T, HD>);
    keys.k = parts.take<T>(kBuffers<T> * kTileElements<T, HD>);
    keys.v = parts.take<T>(kBuffers<T> * kTileElements<T, HD>);
    keys.slice = parts.take<float>(kBuffers<T> * kSlice);
    stage = parts.take<float>(kTile * kStageStride);
    carry = parts.take<float>(2 * kTile);
    keys.keep = parts.take<std::uint32_t>(kBuffers<T> * kThreads);
    bytes = parts.used();
  }
};

template <typename T, int HD>
__global__ void __launch_bounds__(kThreads)
    attention_queries_kernel(const AttentionLaunch launch, const T* __restrict__ qkv, const T* __restrict__ d_out,
                             const float* __restrict__ log_sum, const float* __restrict__ delta, T* __restrict__ d_qkv,
                             const BiasGradient bias) {
  SER_DYNAMIC_SHARED(memory);
  const QueriesShared<T, HD> shared(memory);
  const Work work = this_work(launch);
  const int first = work.tile * kTile, frames = work.frames, thread = static_cast<int>(threadIdx.x);
  if (first >= frames) return;
  const Lane at = this_lane();
  const int width = launch.head_width, all = launch.heads * width;
  const std::int64_t column = work.head * width;
  const T* from = qkv + work.first * 3 * all + column;
  const bool biased = launch.table != nullptr, drops = launch.mask.threshold != 0, sloped = bias.d_gate != nullptr;
  const float scale = 1.0f / sqrtf(static_cast<float>(width));

  KeyTiles<T, HD> keys = shared.keys;
  load_tile<T, HD>(shared.q, from, 3 * all, first, frames, width);
  load_tile<T, HD>(shared.up, d_out + work.first * all + column, all, first, frames, width);
  keys.fetch(launch, work, from, 0);

  const int row = 16 * at.warp + at.g;
  // A row past the end has a log-sum of infinity, so that its weights come out as 0.
  float gate[2] = {0, 0}, norm[2] = {INFINITY, INFINITY}, less[2] = {0, 0}, d_gate[2] = {0, 0};
  for (int half = 0; half < 2; ++half) {
    const int i = first + row + 8 * half;
    if (i >= frames) continue;
    norm[half] = log_sum[work.head * launch.rows + work.first + i];
    less[half] = delta[work.head * launch.rows + work.first + i];
    if (biased) gate[half] = launch.gate[(work.first + i) * launch.heads + work.head];
  }
  float* table_part = nullptr;
  if (sloped) {
    const std::int64_t part = static_cast<std::int64_t>(blockIdx.x) * launch.heads + work.head;
    table_part = bias.table_parts + part * part_size(launch.longest);
  }

  float sums[HD / 8][4] = {};
  const int tiles = cuda::ceil_div(frames, kTile);
  for (int tile = 0; tile < tiles; ++tile) {
    const int buffer = tile % kBuffers<T>;
    cuda::wait_copies<0>();
    __syncthreads();
    if (kBuffers<T> == 2 && tile + 1 < tiles) keys.fetch(launch, work, from, tile + 1);
    const bool busy = first + 16 * at.warp < frames;
    float* stage = shared.stage + 16 * at.warp * kStageStride;
    if (busy) {
      float scores[kPieces][4] = {}, slopes[kPieces][4] = {};
      const int own = 16 * at.warp * kStride<T, HD>;
      multiply_transposed<HD>(shared.q + own, keys.k + buffer * kTileElements<T, HD>, scores);
      multiply_transposed<HD>(shared.up + own, keys.v + buffer * kTileElements<T, HD>, slopes);
      const float* slice = keys.slice + buffer * kSlice;
      const std::uint32_t* keep = keys.keep + buffer * kThreads;
#pragma unroll
      for (int n = 0; n < kPieces; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const int half = e / 2, key = 8 * n + 2 * at.q + e % 2, distance = key - row - 8 * half + kTile - 1;
          float x = scores[n][e] * scale;
          if (biased) x += gate[half] * slice[distance];
          float p = weight_of<T>(x, norm[half]);
          if (tile * kTile + key >= frames) p = 0;
          float slope = slopes[n][e];
          if (drops) slope = is_kept(keep, row + 8 * half, key) ? slope * launch.mask.scale : 0.0f;
          slope = p * (slope - less[half]);
          if (sloped) d_gate[half] += slope * slice[distance];
          scores[n][e] = slope;
        }
      }
      multiply<HD>(scores, keys.k + buffer * kTileElements<T, HD>, stage, sums);
      if (sloped) {
#pragma unroll
        for (int n = 0; n < kPieces; ++n) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            stage[(at.g + e / 2 * 8) * kStageStride + 8 * n + 2 * at.q + e % 2] = scores[n][e] * gate[e / 2];
          }
        }
      }
    } else if (sloped) {
      for (int x = at.lane; x < 16 * kStageStride; x += kWarp) stage[x] = 0;
    }
    if (sloped) {
      __syncthreads();
      // Thread x adds up diagonal x of the tile. The upper half of the diagonals goes on in the next tile.
      if (thread < 2 * kTile - 1) {
        float sum = tile > 0 && thread < kTile - 1 ? shared.carry[tile % 2 * kTile + thread] : 0.0f;
        const int last = min(kTile - 1, 2 * kTile - 2 - thread);
        for (int i = max(0, kTile - 1 - thread); i <= last; ++i) {
          sum += shared.stage[i * kStageStride + i + thread - (kTile - 1)];
        }
        if (thread < kTile || tile + 1 == tiles) {
          table_part[tile * kTile + thread] = sum;
        } else {
          shared.carry[(tile + 1) % 2 * kTile + thread - kTile] = sum;
        }
      }
    }
    if (kBuffers<T> == 1 && tile + 1 < tiles) {
      __syncthreads();
      keys.fetch(launch, work, from, tile + 1);
    }
  }
  const float factor[2] = {scale, scale};
  store_rows<T, HD>(sums, factor, d_qkv + work.first * 3 * all + column, 3 * all, first + 16 * at.warp, frames, width);
  if (sloped) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float whole = row_sum(d_gate[half]);
      const int i = first + row + 8 * half;
      if (at.q == 0 && i < frames) bias.d_gate[(work.first + i) * launch.heads + work.head] = whole;
    }
  }
}

// Table entries of one head: 32 neighbours by 8 shares of the blocks' parts, joined in a fixed order.
constexpr int kTableColumns = 32, kTableShares = 8;

__global__ void __launch_bounds__(kTableColumns* kTableShares)
    attention_table_kernel(const AttentionLaunch launch, const float* __restrict__ parts, float* __restrict__ d_table) {
  SER_SHARED(float, shares, kTableColumns* kTableShares);
  const int column = static_cast<int>(threadIdx.x) % kTableColumns, share = static_cast<int>(threadIdx.x) / kTableColumns;
  const int entry = static_cast<int>(blockIdx.x) * kTableColumns + column, size = 2 * launch.reach - 1;
  const int distance = entry - (launch.reach - 1), head = static_cast<int>(blockIdx.y);
  const int tiles = cuda::ceil_div(launch.longest, kTile), stride = part_size(launch.longest);
  float sum = 0;
  for (int block = share; block < launch.count * tiles; block += kTableShares) {
    const int segment = block / tiles, first = block % tiles * kTile;
    const int frames = static_cast<int>(launch.offsets[segment + 1] - launch.offsets[segment]);
    const int at = distance + first + kTile - 1;
    if (first >= frames || at < 0 || at >= cuda::ceil_div(frames, kTile) * kTile + kTile - 1) continue;
    sum += parts[(static_cast<std::int64_t>(block) * launch.heads + head) * stride + at];
  }
  shares[share * kTableColumns + column] = sum;
  __syncthreads();
  if (share != 0 || entry >= size) return;
  for (int s = 1; s < kTableShares; ++s) sum += shares[s * kTableColumns + column];
  d_table[static_cast<std::int64_t>(head) * size + entry] = sum;
}

template <typename T, int HD>
struct KeysShared {
  T *k, *v, *q, *up;  // q and up have kBuffers tiles
  float *norm, *less, *gate, *slice, *stage;
  std::uint32_t* keep;
  std::size_t bytes;

  __host__ __device__ explicit KeysShared(unsigned char* start) {
    SharedParts parts(start);
    k = parts.take<T>(kTileElements<T, HD>);
    v = parts.take<T>(kTileElements<T, HD>);
    q = parts.take<T>(kBuffers<T> * kTileElements<T, HD>);
    up = parts.take<T>(kBuffers<T> * kTileElements<T, HD>);
    norm = parts.take<float>(kBuffers<T> * kTile);
    less = parts.take<float>(kBuffers<T> * kTile);
    gate = parts.take<float>(kBuffers<T> * kTile);
    slice = parts.take<float>(kBuffers<T> * kSlice);
    stage = parts.take<float>(sizeof(T) == 2 ? 0 : kTile * kStageStride);
    keep = parts.take<std::uint32_t>(kBuffers<T> * kThreads);
    bytes = parts.used();
  }
};

// Scores transposed: a warp's rows are keys, the columns queries.
template <typename T, int HD>
__global__ void __launch_bounds__(kThreads)
    attention_keys_kernel(const AttentionLaunch launch, const T* __restrict__ qkv, const T* __restrict__ d_out,
                          const float* __restrict__ log_sum, const float* __restrict__ delta, T* __restrict__ d_qkv) {
  SER_DYNAMIC_SHARED(memory);
  const KeysShared<T, HD> shared(memory);
  const Work work = this_work(launch);
  const int first = work.tile * kTile, frames = work.frames, thread = static_cast<int>(threadIdx.x);
  if (first >= frames) return;
  const Lane at = this_lane();
  const int width = launch.head_width, all = launch.heads * width;
  const std::int64_t column = work.head * width;
  const T* from = qkv + work.first * 3 * all + column;
  const bool biased = launch.table != nullptr, drops = launch.mask.threshold != 0;
  const float scale = 1.0f / sqrtf(static_cast<float>(width));

  const auto prepare = [&](int tile) {
    const int query = tile * kTile, buffer = tile % kBuffers<T>;
    load_tile<T, HD>(shared.q + buffer * kTileElements<T, HD>, from, 3 * all, query, frames, width);
    load_tile<T, HD>(shared.up + buffer * kTileElements<T, HD>, d_out + work.first * all + column, all, query, frames, width);
    cuda::commit_copies();
    if (thread < kTile) {
      const bool valid = query + thread < frames;
      const std::int64_t i = work.first + query + thread;
      shared.norm[buffer * kTile + thread] = valid ? log_sum[work.head * launch.rows + i] : INFINITY;
      shared.less[buffer * kTile + thread] = valid ? delta[work.head * launch.rows + i] : 0.0f;
      if (biased) shared.gate[buffer * kTile + thread] = valid ? launch.gate[i * launch.heads + work.head] : 0.0f;
    }
    if (biased) load_slice(launch, work.head, query, first, shared.slice + buffer * kSlice);
    if (drops) shared.keep[buffer * kThreads + thread] = draw_keep_words(launch, work, query, first).tile;
  };

  load_tile<T, HD>(shared.k, from + all, 3 * all, first, frames, width);
  load_tile<T, HD>(shared.v, from + 2 * all, 3 * all, first, frames, width);
  prepare(0);

  const int row = 16 * at.warp + at.g;
  float d_key[HD / 8][4] = {}, d_value[HD / 8][4] = {};
  const int tiles = cuda::ceil_div(frames, kTile);
  for (int tile = 0; tile < tiles; ++tile) {
    const int buffer = tile % kBuffers<T>;
    cuda::wait_copies<0>();
    __syncthreads();
    if (kBuffers<T> == 2 && tile + 1 < tiles) prepare(tile + 1);
    if (first + 16 * at.warp < frames) {
      float scores[kPieces][4] = {}, slopes[kPieces][4] = {};
      const int own = 16 * at.warp * kStride<T, HD>;
      const T *q = shared.q + buffer * kTileElements<T, HD>, *up = shared.up + buffer * kTileElements<T, HD>;
      multiply_transposed<HD>(shared.k + own, q, scores);
      multiply_transposed<HD>(shared.v + own, up, slopes);
      const float* slice = shared.slice + buffer * kSlice;
      const float *norm = shared.norm + buffer * kTile, *less = shared.less + buffer * kTile;
      const float* gate = shared.gate + buffer * kTile;
      const std::uint32_t* keep = shared.keep + buffer * kThreads;
#pragma unroll
      for (int n = 0; n < kPieces; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const int key = row + 8 * (e / 2), query = 8 * n + 2 * at.q + e % 2;
          float x = scores[n][e] * scale;
          if (biased) x += gate[query] * slice[key - query + kTile - 1];
          const float p = weight_of<T>(x, norm[query]);
          const bool kept = !drops || is_kept(keep, query, key);
          scores[n][e] = kept ? p : 0.0f;
          slopes[n][e] = p * ((kept ? slopes[n][e] * launch.mask.scale : 0.0f) - less[query]);
        }
      }
      float* stage = shared.stage + 16 * at.warp * kStageStride;
      multiply<HD>(scores, up, stage, d_value);
      multiply<HD>(slopes, q, stage, d_key);
    }
    if (kBuffers<T> == 1 && tile + 1 < tiles) {
      __syncthreads();
      prepare(tile + 1);
    }
  }
  T* to = d_qkv + work.first * 3 * all + column;
  const float key_factor[2] = {scale, scale}, value_factor[2] = {launch.mask.scale, launch.mask.scale};
  store_rows<T, HD>(d_key, key_factor, to + all, 3 * all, first + 16 * at.warp, frames, width);
  store_rows<T, HD>(d_value, value_factor, to + 2 * all, 3 * all, first + 16 * at.warp, frames, width);
}

template <typename T, int HD>
void backward(const AttentionLaunch& launch, const AttentionBackward& data, cudaStream_t stream) {
  const auto* qkv = static_cast<const T*>(data.qkv);
  const auto* d_out = static_cast<const T*>(data.d_out);
  auto* d_qkv = static_cast<T*>(data.d_qkv);
  const auto delta_blocks = cuda::ceil_div<std::int64_t>(launch.rows * launch.heads, kThreads / kWarp);
  SER_LAUNCH(attention_delta_kernel<T>, static_cast<unsigned>(delta_blocks), kThreads, 0, stream, launch,
             static_cast<const T*>(data.out), d_out, data.delta);
  const dim3 grid(static_cast<unsigned>(cuda::ceil_div(launch.longest, kTile) * launch.count),
                  static_cast<unsigned>(launch.heads));
  const std::size_t query_bytes = QueriesShared<T, HD>(nullptr).bytes, key_bytes = KeysShared<T, HD>(nullptr).bytes;
  const auto attention_queries = attention_queries_kernel<T, HD>;
  cuda::allow_shared(attention_queries, query_bytes);
  SER_LAUNCH(attention_queries, grid, kThreads, query_bytes, stream, launch, qkv, d_out, data.log_sum, data.delta, d_qkv,
             BiasGradient{data.d_gate, data.table_scratch});
  const auto attention_keys = attention_keys_kernel<T, HD>;
  cuda::allow_shared(attention_keys, key_bytes);
  SER_LAUNCH(attention_keys, grid, kThreads, key_bytes, stream, launch, qkv, d_out, data.log_sum, data.delta, d_qkv);
}

}  // namespace
}  // namespace attention

std::int64_t attention_table_scratch(const AttentionLaunch& launch) {
  return std::int64_t{attention::part_size(launch.longest)} * cuda::ceil_div(launch.longest, kAttentionTile) * launch.count *
         launch.heads;
}

void launch_attention_backward(const AttentionLaunch& launch, bool bf16, const AttentionBackward& data, cudaStream_t stream) {
  if (launch.longest > 0) {
    const bool narrow = launch.head_width <= 32;
    if (bf16) {
      if (narrow) {
        attention::backward<__nv_bfloat16, 32>(launch, data, stream);
      } else {
        attention::backward<__nv_bfloat16, 64>(launch, data, stream);
      }
    } else if (narrow) {
      attention::backward<float, 32>(launch, data, stream);
    } else {
      attention::backward<float, 64>(launch, data, stream);
    }
  }
  if (data.d_table == nullptr) return;
  const dim3 grid(static_cast<unsigned>(cuda::ceil_div(2 * launch.reach - 1, attention::kTableColumns)),
                  static_cast<unsigned>(launch.heads));
  SER_LAUNCH(attention::attention_table_kernel, grid, attention::kTableColumns * attention::kTableShares, 0, stream, launch,
             data.table_scratch, data.d_table);
}

}  // namespace ser
