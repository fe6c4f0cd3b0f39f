// Chunks of packed segments: every row is in exactly one chunk, whatever the lengths.
#include <vector>

#include "cuda/segment_chunks.h"
#include "test/check.h"
#include "test/emulator/emulator.h"

namespace {

__global__ void chunk_kernel(const std::int64_t* offsets, std::int64_t segments, std::int64_t size, ser::cuda::Chunk* chunks) {
  const ser::cuda::Chunk chunk = ser::cuda::chunk_of_block(offsets, segments, size);
  if (threadIdx.x == 0) chunks[blockIdx.x] = chunk;
}

bool covers(const std::vector<std::int64_t>& lengths, std::int64_t size) {
  std::vector<std::int64_t> offsets{0};
  for (const std::int64_t length : lengths) offsets.push_back(offsets.back() + length);
  const auto segments = static_cast<std::int64_t>(lengths.size());
  const std::int64_t numbers = ser::cuda::chunk_numbers(offsets.back(), segments, size);
  std::vector<ser::cuda::Chunk> chunks(static_cast<std::size_t>(numbers), ser::cuda::Chunk{-1, -1, -1});
  SER_LAUNCH(chunk_kernel, static_cast<unsigned>(numbers), 32, 0, nullptr, offsets.data(), segments, size, chunks.data());
  std::vector<int> times(static_cast<std::size_t>(offsets.back()), 0);
  for (const ser::cuda::Chunk& chunk : chunks) {
    if (chunk.segment < 0 || chunk.segment >= segments || chunk.count < 0 || chunk.count > size) return false;
    const std::int64_t begin = offsets[static_cast<std::size_t>(chunk.segment)],
                       end = offsets[static_cast<std::size_t>(chunk.segment) + 1];
    if (chunk.count == 0) continue;
    // Counted from the segment's own first row.
    if (chunk.first < begin || chunk.first + chunk.count > end || (chunk.first - begin) % size != 0) return false;
    for (std::int64_t t = chunk.first; t < chunk.first + chunk.count; ++t) ++times[static_cast<std::size_t>(t)];
  }
  for (const int count : times) {
    if (count != 1) return false;
  }
  return true;
}

}  // namespace

int main() {
  const std::vector<std::vector<std::int64_t>> batches{
      {1}, {0}, {0, 0, 0}, {16}, {15, 17}, {1, 0, 33, 0, 0, 16, 31}, {100, 1, 1, 1, 64}};
  for (const std::int64_t size : {1, 7, 16, 4096}) {
    bool all = true;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      ser::emulator::set_seed(i);
      all = all && covers(batches[i], size);
    }
    SER_CHECK(all, "chunks of " + std::to_string(size) + " rows cover each row once");
  }
  // More segments than a block has threads, empty ones among them, to the last thread and one beyond.
  for (const std::size_t count : {31u, 32u, 33u, 64u, 100u}) {
    std::vector<std::int64_t> lengths;
    for (std::size_t b = 0; b < count; ++b) lengths.push_back(static_cast<std::int64_t>(b * 5 % 7));
    lengths.back() = 3;
    SER_CHECK(covers(lengths, 4), std::to_string(count) + " segments, looked for by 32 threads");
  }
  return ser::test::finish("segment_chunks_kernel_test");
}
