// Work on packed segments of unequal length, cut into chunks of a fixed size with a block each.
//
// Chunks of segment b are numbered from first_chunk(offset of b, b) on. That loses a number to most segments, but
// ceil(length / size) <= (offset + length) / size - offset / size + 1, so no two share one, and the device needs no table beside
// the offsets. A chunk begins at its segment's own first row, so what is summed with what does not depend on other segments.
#pragma once

#include "cuda/kernel.h"

namespace ser::cuda {

__host__ __device__ inline std::int64_t first_chunk(std::int64_t offset, std::int64_t segment, std::int64_t size) {
  return offset / size + segment;
}

// Numbers given out, and so blocks to launch, for `segments` segments of together `rows` rows.
inline std::int64_t chunk_numbers(std::int64_t rows, std::int64_t segments, std::int64_t size) {
  return first_chunk(rows, segments, size);
}

// The segment that chunk number blockIdx.x belongs to; `offset_of(b)` is where segment b begins. All threads of the block take
// part (one dimension).
template <typename OffsetOf>
__device__ inline std::int64_t segment_of_block(std::int64_t segments, std::int64_t size, const OffsetOf& offset_of) {
  const std::int64_t mine = blockIdx.x;
  std::int64_t found = 0;
  for (std::int64_t from = 0; from < segments; from += blockDim.x) {
    const std::int64_t b = from + threadIdx.x;
    found += __syncthreads_count(b < segments && first_chunk(offset_of(b), b, size) <= mine);
  }
  return found - 1;
}

// Rows [first, first + count) of a segment; count is 0 in blocks whose number was lost.
struct Chunk {
  std::int64_t segment, first;
  int count;
};

__device__ inline Chunk chunk_of_block(const std::int64_t* offsets, std::int64_t segments, std::int64_t size) {
  Chunk chunk;
  chunk.segment = segment_of_block(segments, size, [&](std::int64_t b) { return offsets[b]; });
  const std::int64_t begin = offsets[chunk.segment], end = offsets[chunk.segment + 1];
  chunk.first = begin + (static_cast<std::int64_t>(blockIdx.x) - first_chunk(begin, chunk.segment, size)) * size;
  chunk.count = static_cast<int>(max(std::int64_t{0}, min(size, end - chunk.first)));
  return chunk;
}

}  // namespace ser::cuda
