// What the forward and backward kernels of attention by segments share: tiles of 64 rows in shared memory and their products.
//
// A block is four warps, each with 16 of a tile's 64 rows. Results of products lie as the tensor cores leave them (cuda/mma.h):
// with g = lane / 4 and q = lane % 4, element e of piece n is row g + 8 * (e / 2) of the warp's 16, column 8 * n + 2 * q + e % 2.
// float32 runs through the same kernels with plain multiply-adds in the same places.
#pragma once

#include "cuda/async_copy.h"
#include "cuda/kernel.h"
#include "cuda/mma.h"
#include "cuda/philox.h"
#include "cuda/reduce.h"
#include "encoder/segment_attention_cuda.h"

namespace ser::attention {

using cuda::kWarp;

inline constexpr int kTile = kAttentionTile;
inline constexpr int kThreads = 128;
inline constexpr int kPieces = kTile / 8;  // of 8 columns, in a warp's 16 x 64 scores
inline constexpr int kSlice = 2 * kTile;   // distances that occur in a tile, 2 * kTile - 1, rounded up
inline constexpr int kStageStride = kTile + 8;

// Rows of shared memory are 16 bytes longer than their content, so that neighbouring rows start in different banks.
template <typename T, int HD>
inline constexpr int kStride = HD + 16 / static_cast<int>(sizeof(T));
template <typename T, int HD>
inline constexpr int kTileElements = kTile * kStride<T, HD>;
// Tiles under way: float32 tiles are so large that two of each would not fit into every GPU's shared memory.
template <typename T>
inline constexpr int kBuffers = sizeof(T) == 2 ? 2 : 1;

struct Lane {
  int warp, lane, g, q;
};

__device__ __forceinline__ Lane this_lane() {
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp;
  return {thread / kWarp, lane, lane / 4, lane % 4};
}

// The segment and tile of a block; blocks of one segment are neighbours, since they read the same keys.
struct Work {
  int segment, head, tile, frames;
  std::int64_t first;  // packed row of the segment's first frame
};

__device__ __forceinline__ Work this_work(const AttentionLaunch& launch) {
  const int tiles = cuda::ceil_div(launch.longest, kTile);
  Work work;
  work.segment = static_cast<int>(blockIdx.x) / tiles;
  work.tile = static_cast<int>(blockIdx.x) % tiles;
  work.head = static_cast<int>(blockIdx.y);
  work.first = launch.offsets[work.segment];
  work.frames = static_cast<int>(launch.offsets[work.segment + 1] - work.first);
  return work;
}

// Begins to copy rows [row, row + 64) of a segment into `tile`; rows past its end and columns past `width` become zero. `from`
// points at the head's first column in the segment's first row.
template <typename T, int HD>
__device__ __forceinline__ void load_tile(T* tile, const T* from, std::int64_t stride, int row, int frames, int width) {
  constexpr int kChunk = 16 / static_cast<int>(sizeof(T)), kChunks = HD / kChunk;
  for (int c = static_cast<int>(threadIdx.x); c < kTile * kChunks; c += kThreads) {
    const int r = c / kChunks, column = c % kChunks * kChunk;
    const bool valid = row + r < frames && column < width;
    cuda::copy_async(tile + r * kStride<T, HD> + column, valid ? from + (row + r) * stride + column : from, valid);
  }
}

// The table's entries for the distances of a tile: slice[x] is that of j - i = first_key - first_query + x - 63.
__device__ __forceinline__ void load_slice(const AttentionLaunch& launch, int head, int first_query, int first_key,
                                           float* slice) {
  const int size = 2 * launch.reach - 1;
  for (int x = static_cast<int>(threadIdx.x); x < kSlice - 1; x += kThreads) {
    const int at = launch.reach - 1 + first_key - first_query + x - (kTile - 1);
    slice[x] = at >= 0 && at < size ? launch.table[static_cast<std::int64_t>(head) * size + at] : 0.0f;
  }
}

// Which weights of a 64 x 64 tile stay, a bit each. Thread t decides for query t / 2 and the keys with (j / 8) % 2 == t % 2; a
// block of draws serves 8 keys that lie 16 apart, half of them in this tile and half in its neighbour within 128 keys.
struct KeepWords {
  std::uint32_t tile, neighbour;
};

__device__ __forceinline__ KeepWords draw_keep_words(const AttentionLaunch& launch, const Work& work, int first_query,
                                                     int first_key) {
  const int row = first_query + static_cast<int>(threadIdx.x) / 2, side = static_cast<int>(threadIdx.x) % 2;
  const std::uint32_t place = static_cast<std::uint32_t>(work.head) << 24 | static_cast<std::uint32_t>(row);
  const auto utterance = static_cast<std::uint32_t>(launch.keys[work.segment]);
  std::uint32_t half[2] = {0, 0};
  for (int i = 0; i < 8; ++i) {
    const auto counter = static_cast<std::uint32_t>(first_key / 128 * 16 + 8 * side + i);
    const uint4 block = cuda::philox_block(make_uint4(counter, place, utterance, launch.mask.step), launch.mask.key);
    const std::uint32_t words[4] = {block.x, block.y, block.z, block.w};
#pragma unroll
    for (int s = 0; s < 8; ++s) {
      const std::uint32_t draw = s % 2 == 0 ? words[s / 2] & 0xffffu : words[s / 2] >> 16;
      if (draw >= launch.mask.threshold) half[s / 4] |= 1u << (s % 4 * 8 + i);
    }
  }
  const bool second = first_key / kTile % 2 == 1;
  return {second ? half[1] : half[0], second ? half[0] : half[1]};
}

// `words` holds two words a query, as the threads of draw_keep_words stored them.
__device__ __forceinline__ bool is_kept(const std::uint32_t* words, int query, int key) {
  return (words[2 * query + key / 8 % 2] >> (key / 16 * 8 + key % 8) & 1u) != 0;
}

// The keys that a block of queries meets, kBuffers tiles of them, with what belongs to each tile.
template <typename T, int HD>
struct KeyTiles {
  T *k, *v;
  float* slice;
  std::uint32_t* keep;
  std::uint32_t neighbour = 0;  // the thread's draws for the next tile, where this one's came with them

  // Begins to fetch a tile of the work's segment; `from` points at the head's first q in the segment's first row.
  __device__ __forceinline__ void fetch(const AttentionLaunch& launch, const Work& work, const T* from, int tile) {
    const int width = launch.head_width, all = launch.heads * width;
    const int query = work.tile * kTile, key = tile * kTile, buffer = tile % kBuffers<T>;
    load_tile<T, HD>(k + buffer * kTileElements<T, HD>, from + all, 3 * all, key, work.frames, width);
    load_tile<T, HD>(v + buffer * kTileElements<T, HD>, from + 2 * all, 3 * all, key, work.frames, width);
    cuda::commit_copies();
    if (launch.table != nullptr) load_slice(launch, work.head, query, key, slice + buffer * kSlice);
    if (launch.mask.threshold == 0) return;
    if (tile % 2 == 0) {
      const KeepWords words = draw_keep_words(launch, work, query, key);
      keep[buffer * kThreads + static_cast<int>(threadIdx.x)] = words.tile;
      neighbour = words.neighbour;
    } else {
      keep[buffer * kThreads + static_cast<int>(threadIdx.x)] = neighbour;
    }
  }
};

// sums[n] += rows * tile^T: the warp's 16 rows of one tile with all 64 rows of another, along the head's width.
template <int HD>
__device__ __forceinline__ void multiply_transposed(const __nv_bfloat16* rows, const __nv_bfloat16* tile,
                                                    float (&sums)[kPieces][4]) {
  constexpr int stride = kStride<__nv_bfloat16, HD>;
  const int lane = this_lane().lane;
#pragma unroll
  for (int k = 0; k < HD; k += 16) {
    std::uint32_t a[4];
    cuda::load_matrices(rows + lane % 16 * stride + k + lane / 16 * 8, a);
#pragma unroll
    for (int n = 0; n < kPieces; n += 2) {
      std::uint32_t b[4];
      cuda::load_matrices(tile + (8 * n + lane / 16 * 8 + lane % 8) * stride + k + lane / 8 % 2 * 8, b);
      cuda::multiply_add(sums[n], a, b[0], b[1]);
      cuda::multiply_add(sums[n + 1], a, b[2], b[3]);
    }
  }
}

template <int HD>
__device__ __forceinline__ void multiply_transposed(const float* rows, const float* tile, float (&sums)[kPieces][4]) {
  constexpr int stride = kStride<float, HD>;
  const Lane at = this_lane();
  for (int k = 0; k < HD; k += 4) {
    const float4 low = *reinterpret_cast<const float4*>(rows + at.g * stride + k);
    const float4 high = *reinterpret_cast<const float4*>(rows + (at.g + 8) * stride + k);
#pragma unroll
    for (int n = 0; n < kPieces; ++n) {
#pragma unroll
      for (int c = 0; c < 2; ++c) {
        const float4 b = *reinterpret_cast<const float4*>(tile + (8 * n + 2 * at.q + c) * stride + k);
        sums[n][c] += low.x * b.x + low.y * b.y + low.z * b.z + low.w * b.w;
        sums[n][2 + c] += high.x * b.x + high.y * b.y + high.z * b.z + high.w * b.w;
      }
    }
  }
}

// sums[n] += weights * tile: the warp's 16 x 64 weights with the 64 rows of a tile. `stage` (float32 only) is the warp's own part
// of shared memory, 16 rows.
template <int HD>
__device__ __forceinline__ void multiply(const float (&weights)[kPieces][4], const __nv_bfloat16* tile, float*,
                                         float (&sums)[HD / 8][4]) {
  constexpr int stride = kStride<__nv_bfloat16, HD>;
  const int lane = this_lane().lane;
#pragma unroll
  for (int k = 0; k < kTile; k += 16) {
    const float(&left)[4] = weights[k / 8];
    const float(&right)[4] = weights[k / 8 + 1];
    const std::uint32_t a[4] = {cuda::pack_bf16(left[0], left[1]), cuda::pack_bf16(left[2], left[3]),
                                cuda::pack_bf16(right[0], right[1]), cuda::pack_bf16(right[2], right[3])};
#pragma unroll
    for (int n = 0; n < HD / 8; n += 2) {
      std::uint32_t b[4];
      cuda::load_matrices_transposed(tile + (k + lane / 8 % 2 * 8 + lane % 8) * stride + 8 * n + lane / 16 * 8, b);
      cuda::multiply_add(sums[n], a, b[0], b[1]);
      cuda::multiply_add(sums[n + 1], a, b[2], b[3]);
    }
  }
}

template <int HD>
__device__ __forceinline__ void multiply(const float (&weights)[kPieces][4], const float* tile, float* stage,
                                         float (&sums)[HD / 8][4]) {
  constexpr int stride = kStride<float, HD>;
  const Lane at = this_lane();
#pragma unroll
  for (int n = 0; n < kPieces; ++n) {
#pragma unroll
    for (int e = 0; e < 4; ++e) stage[(at.g + e / 2 * 8) * kStageStride + 8 * n + 2 * at.q + e % 2] = weights[n][e];
  }
  __syncwarp();
  // A sum of its own for every 64 terms: over a long silence all terms are alike, and rounding in one running sum has one sign.
  float part[HD / 8][4] = {};
  for (int k = 0; k < kTile; ++k) {
    const float low = stage[at.g * kStageStride + k], high = stage[(at.g + 8) * kStageStride + k];
#pragma unroll
    for (int n = 0; n < HD / 8; ++n) {
      const float2 b = *reinterpret_cast<const float2*>(tile + k * stride + 8 * n + 2 * at.q);
      part[n][0] += low * b.x;
      part[n][1] += low * b.y;
      part[n][2] += high * b.x;
      part[n][3] += high * b.y;
    }
  }
#pragma unroll
  for (int n = 0; n < HD / 8; ++n) {
#pragma unroll
    for (int e = 0; e < 4; ++e) sums[n][e] += part[n][e];
  }
  __syncwarp();
}

__device__ __forceinline__ void store_pair(float* to, float x, float y) { *reinterpret_cast<float2*>(to) = make_float2(x, y); }
__device__ __forceinline__ void store_pair(__nv_bfloat16* to, float x, float y) {
  *reinterpret_cast<std::uint32_t*>(to) = cuda::pack_bf16(x, y);
}

// Writes the warp's 16 rows, from `row` of the segment on, times a factor for each of the lane's two rows. `to` points at the
// head's first column in the segment's first row.
template <typename T, int HD>
__device__ __forceinline__ void store_rows(const float (&sums)[HD / 8][4], const float (&factor)[2], T* to, std::int64_t stride,
                                           int row, int frames, int width) {
  const Lane at = this_lane();
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = row + at.g + 8 * half;
    if (r >= frames) continue;
#pragma unroll
    for (int n = 0; n < HD / 8; ++n) {
      const int column = 8 * n + 2 * at.q;
      if (column >= width) continue;
      store_pair(to + r * stride + column, sums[n][2 * half] * factor[half], sums[n][2 * half + 1] * factor[half]);
    }
  }
}

// A fast exponential where the results are rounded to bfloat16 anyway.
template <typename T>
__device__ __forceinline__ float exponential(float x) {
  if constexpr (sizeof(T) == 2) {
    return __expf(x);
  } else {
    return expf(x);
  }
}

// Over the four lanes that share a row.
__device__ __forceinline__ float row_sum(float x) { return cuda::warp_reduce<cuda::Sum, 4>(x); }

// Not by cuda::Max: fmaxf passes over NaN, which has its say in the sums.
__device__ __forceinline__ float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(cuda::kFullMask, x, 1));
  return fmaxf(x, __shfl_xor_sync(cuda::kFullMask, x, 2));
}

// Parts of the block's dynamic shared memory, one after the other; with a null start it only counts bytes.
class SharedParts {
 public:
  __host__ __device__ explicit SharedParts(unsigned char* start) : start_(start) {}
  template <typename T>
  __host__ __device__ T* take(int count) {
    T* part = reinterpret_cast<T*>(start_ == nullptr ? nullptr : start_ + used_);
    used_ += (static_cast<std::size_t>(count) * sizeof(T) + 15) / 16 * 16;
    return part;
  }
  __host__ __device__ std::size_t used() const { return used_; }

 private:
  unsigned char* start_;
  std::size_t used_ = 0;
};

}  // namespace ser::attention
