// The mask of engine/dropout_mask.h drawn inside a kernel that has a packed tensor's rows in hand.
#pragma once

#include "cuda/eight.h"
#include "cuda/philox.h"
#include "cuda/row_mask.h"

namespace ser::cuda {

// Of one row: its utterance and its first element in the utterance's mask.
struct RowDraws {
  std::uint32_t utterance = 0;
  std::uint64_t first = 0;
};

__device__ __forceinline__ RowDraws draws_of_row(const RowMask& rows, std::int64_t row, std::int64_t width) {
  RowDraws out;
  if (rows.mask.threshold == 0) return out;
  // The last utterance that begins at or before the row; empty ones before it begin there too.
  std::int64_t low = 0, high = rows.count;
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    if (rows.offsets[middle] <= row) {
      low = middle;
    } else {
      high = middle;
    }
  }
  out.utterance = static_cast<std::uint32_t>(rows.keys[low]);
  out.first = rows.mask.shared ? 0 : static_cast<std::uint64_t>(row - rows.offsets[low]) * static_cast<std::uint64_t>(width);
  return out;
}

// Multiplies the lane's values, columns column + 8 * lane and so on of the row, by their factors. `column` is a multiple of
// kTile; all lanes of the warp call it, whether they have values or not.
__device__ __forceinline__ void apply_mask(const RowMask& rows, const RowDraws& row, std::int64_t column,
                                           float (&values)[kEight]) {
  const float scale = rows.mask.scale;
  unsigned keep = 0xffu;
  if (rows.mask.threshold > 0) {
    const std::uint64_t first = row.first + static_cast<std::uint64_t>(column);
    if (first % 128 == 0) {
      keep = philox_keep_eight(first, static_cast<std::uint32_t>(first / 8 >> 32), row.utterance, rows.mask.step, rows.mask.key,
                               rows.mask.threshold);
    } else {
      // Rows that are no multiple of 128 wide: no encoder of a checkpoint has such, so a block an element is no loss.
      keep = 0;
      for (unsigned j = 0; j < kEight; ++j) {
        const std::uint64_t e = first + threadIdx.x % kWarp * kEight + j;
        const std::uint32_t draw =
            philox_draw_of(e, static_cast<std::uint32_t>(e / 8 >> 32), row.utterance, rows.mask.step, rows.mask.key);
        keep |= (draw >= rows.mask.threshold ? 1u : 0u) << j;
      }
    }
  }
#pragma unroll
  for (int j = 0; j < kEight; ++j) values[j] *= (keep >> j & 1u) != 0 ? scale : 0.0f;  // NaN stays: the loss is to tell of it
}

}  // namespace ser::cuda
