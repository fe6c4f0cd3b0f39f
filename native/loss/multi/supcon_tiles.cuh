// SupCon by tiles of 64 anchors x 64 others: the similarities of a tile live in registers and are used at once, once for the
// anchors' statistics (as in an online softmax) and once more for the gradient. No B x B matrix is stored.
//
// With s_ij = n_i . n_j / temperature over unit rows n, q_ij = exp(s_ij - lse_i) and positives P_i, the loss of anchor i is
// lse_i - mean over P_i of s_ij, and for the sum over anchors  d / d n_i = sum_j (G_ij + G_ji) n_j / temperature  where
// G_ij = q_ij - [j in P_i] / |P_i|, 0 for a row that is no anchor. s is symmetric, so G_ji needs nothing but lse_j and |P_j|.
#pragma once

#include "loss/multi/multi_loss_rows.cuh"

namespace ser::cuda::multi_loss {

inline constexpr int kTile = 64;
inline constexpr int kDepth = 32;  // columns of the rows that are in shared memory at a time
// Two more than a tile: pairs stay aligned for float2, and a transposing store meets two-way conflicts at most.
inline constexpr int kStride = kTile + 2;
inline constexpr int kTileFloats = kTile * kStride;
static_assert(2 * kDepth == kTile, "the two operands of a similarity fill one tile of shared memory");

// A thread has four rows and four columns of a tile: pairs, so that an operand is read as float2.
__device__ __forceinline__ int tile_row(int m) { return threadIdx.x / 16 * 2 + m % 2 + m / 2 * 32; }
__device__ __forceinline__ int tile_column(int m) { return threadIdx.x % 16 * 2 + m % 2 + m / 2 * 32; }

// acc[m][n] += sum over k < depth of a[k][row m] * b[k][column n]
__device__ __forceinline__ void multiply(const float* a, const float* b, int depth, float (&acc)[4][4]) {
  const int row = tile_row(0), column = tile_column(0);
  for (int k = 0; k < depth; ++k) {
    float2 left[2], right[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      left[half] = *reinterpret_cast<const float2*>(a + k * kStride + row + half * 32);
      right[half] = *reinterpret_cast<const float2*>(b + k * kStride + column + half * 32);
    }
    const float u[4] = {left[0].x, left[0].y, left[1].x, left[1].y};
    const float v[4] = {right[0].x, right[0].y, right[1].x, right[1].y};
#pragma unroll
    for (int m = 0; m < 4; ++m) {
#pragma unroll
      for (int n = 0; n < 4; ++n) acc[m][n] += u[m] * v[n];
    }
  }
}

// Unit rows first .. first + 63, columns d0 .. d0 + 31, transposed; beyond the batch or the columns, zeros.
__device__ __forceinline__ void load_transposed(const Problem& p, const float* inverse, int first, int d0, float* to) {
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int d = d0 + lane;
  for (int r = warp; r < kTile; r += kWarps) {
    const int i = first + r;
    const bool inside = i < p.batch && d < p.contrast_columns;
    to[lane * kStride + r] = inside ? p.contrast[static_cast<std::int64_t>(i) * p.contrast_columns + d] * inverse[i] : 0.0f;
  }
}

// acc = s_ij for the tile's rows `i0 ..` and columns `j0 ..`. `tile` may be written again at once.
__device__ __forceinline__ void similarities(const Problem& p, const float* inverse, int i0, int j0, float* tile,
                                             float (&acc)[4][4]) {
  float* others = tile + kDepth * kStride;
#pragma unroll
  for (int m = 0; m < 4; ++m) {
#pragma unroll
    for (int n = 0; n < 4; ++n) acc[m][n] = 0;
  }
  for (int d0 = 0; d0 < p.contrast_columns; d0 += kDepth) {
    load_transposed(p, inverse, i0, d0, tile);
    load_transposed(p, inverse, j0, d0, others);
    __syncthreads();
    multiply(tile, others, min(kDepth, p.contrast_columns - d0), acc);
    __syncthreads();
  }
  const float sharpness = static_cast<float>(1.0 / p.temperature);
#pragma unroll
  for (int m = 0; m < 4; ++m) {
#pragma unroll
    for (int n = 0; n < 4; ++n) acc[m][n] *= sharpness;
  }
}

// lse, share and loss of anchors i0 .. i0 + 63. Needs dominant and inverse of all rows.
__device__ __forceinline__ void anchor_statistics(const Problem& p, const Rows& rows, int i0, float* tile) {
  // A finite stand-in for minus infinity, so that two empty sums can be joined.
  float most[4] = {-1e30f, -1e30f, -1e30f, -1e30f}, sum[4] = {}, positive[4] = {};
  int count[4] = {};
  for (int j0 = 0; j0 < p.batch; j0 += kTile) {
    float s[4][4];
    similarities(p, rows.inverse, i0, j0, tile, s);
#pragma unroll
    for (int m = 0; m < 4; ++m) {
      const int i = i0 + tile_row(m);
      if (i >= p.batch) continue;
      const int own = rows.dominant[i];
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        const int j = j0 + tile_column(n);
        if (j >= p.batch || j == i) continue;
        const float larger = fmaxf(most[m], s[m][n]);
        sum[m] = sum[m] * expf(most[m] - larger) + expf(s[m][n] - larger);
        most[m] = larger;
        if (rows.dominant[j] == own) {
          positive[m] += s[m][n];
          ++count[m];
        }
      }
    }
  }
  // Sixteen lanes have a part of a row each.
#pragma unroll
  for (int m = 0; m < 4; ++m) {
#pragma unroll
    for (int offset = 8; offset > 0; offset /= 2) {
      const float their_most = __shfl_xor_sync(kFullMask, most[m], offset);
      const float their_sum = __shfl_xor_sync(kFullMask, sum[m], offset);
      const float larger = fmaxf(most[m], their_most);
      sum[m] = sum[m] * expf(most[m] - larger) + their_sum * expf(their_most - larger);
      most[m] = larger;
      positive[m] += __shfl_xor_sync(kFullMask, positive[m], offset);
      count[m] += __shfl_xor_sync(kFullMask, count[m], offset);
    }
    const int i = i0 + tile_row(m);
    if (threadIdx.x % 16 != 0 || i >= p.batch) continue;
    const float share = count[m] > 0 ? 1.0f / static_cast<float>(count[m]) : 0.0f;
    const float lse = most[m] + logf(sum[m]);
    rows.lse[i] = lse;
    rows.share[i] = share;
    rows.contrast[i] = count[m] > 0 ? lse - positive[m] * share : 0.0f;
  }
}

// Row i of the gradient, through x / max(||x||, tiny): where the clamp is at work the norm has no gradient. A warp for a row.
__device__ __forceinline__ void project_rows(const Problem& p, const float* inverse, int i0, float scale, float* gradient) {
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int end = min(i0 + kTile, p.batch);
  for (int i = i0 + warp; i < end; i += kWarps) {
    const float* x = p.contrast + static_cast<std::int64_t>(i) * p.contrast_columns;
    float* g = gradient + static_cast<std::int64_t>(i) * p.contrast_columns;
    float radial = 0;
    for (int d = lane; d < p.contrast_columns; d += kWarp) radial += x[d] * inverse[i] * g[d];
    radial = warp_reduce<Sum>(radial);
    if (inverse[i] >= 1.0f / kTinyNorm) radial = 0;
    for (int d = lane; d < p.contrast_columns; d += kWarp) g[d] = (g[d] - x[d] * inverse[i] * radial) * inverse[i] * scale;
  }
}

// The gradient of rows i0 .. i0 + 63, times `scale`. Needs dominant, inverse, lse and share of all rows. The rows of `gradient`
// are this block's alone and serve as the accumulator. `pair` is a second tile.
__device__ __forceinline__ void contrast_gradient(const Problem& p, const Rows& rows, int i0, float scale, float* tile,
                                                  float* pair, float* gradient) {
  const int columns = p.contrast_columns;
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  for (int j0 = 0; j0 < p.batch; j0 += kTile) {
    float s[4][4];
    similarities(p, rows.inverse, i0, j0, tile, s);
#pragma unroll
    for (int m = 0; m < 4; ++m) {
      const int i = i0 + tile_row(m);
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        const int j = j0 + tile_column(n);
        float w = 0;
        if (i < p.batch && j < p.batch && i != j) {
          const float share_i = rows.share[i], share_j = rows.share[j];
          if (share_i > 0) w += expf(s[m][n] - rows.lse[i]);
          if (share_j > 0) w += expf(s[m][n] - rows.lse[j]);
          if (rows.dominant[i] == rows.dominant[j]) w -= share_i + share_j;
        }
        pair[tile_column(n) * kStride + tile_row(m)] = w;
      }
    }
    for (int d0 = 0; d0 < columns; d0 += kTile) {
      for (int r = warp; r < kTile; r += kWarps) {
        const int j = j0 + r;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int d = d0 + lane + half * kWarp;
          const bool inside = j < p.batch && d < columns;
          tile[r * kStride + lane + half * kWarp] =
              inside ? p.contrast[static_cast<std::int64_t>(j) * columns + d] * rows.inverse[j] : 0.0f;
        }
      }
      __syncthreads();
      float acc[4][4] = {};
      multiply(pair, tile, min(kTile, p.batch - j0), acc);
      __syncthreads();
#pragma unroll
      for (int m = 0; m < 4; ++m) {
        const int i = i0 + tile_row(m);
#pragma unroll
        for (int n = 0; n < 4; ++n) {
          const int d = d0 + tile_column(n);
          if (i >= p.batch || d >= columns) continue;
          float& g = gradient[static_cast<std::int64_t>(i) * columns + d];
          g = j0 == 0 ? acc[m][n] : g + acc[m][n];
        }
      }
    }
  }
  __syncthreads();
  project_rows(p, rows.inverse, i0, scale, gradient);
}

}  // namespace ser::cuda::multi_loss
