// Waveforms at multiples of the extractor's hop, normalised where a checkpoint wants it. Not yet run on a GPU.
#include "cuda/reduce.h"
#include "cuda/segment_chunks.h"
#include "encoder/pretrained/wave_layout_cuda.h"

namespace ser {
namespace {

using cuda::kWarp;

constexpr int kWarps = 8, kThreads = kWarps * kWarp;
constexpr std::int64_t kChunk = 4096;

// Of each chunk the sum and the sum of squares.
__global__ void __launch_bounds__(kThreads) wave_moments_kernel(WaveLayout layout) {
  SER_SHARED(double, scratch, kWarps);
  const cuda::Chunk chunk = cuda::chunk_of_block(layout.starts, layout.count, kChunk);
  double sum = 0, squares = 0;
#pragma unroll 4
  for (int i = threadIdx.x; i < chunk.count; i += kThreads) {
    const auto value = static_cast<double>(layout.samples[chunk.first + i]);
    sum += value;
    squares += value * value;
  }
  sum = cuda::block_reduce<cuda::Sum>(sum, scratch);
  squares = cuda::block_reduce<cuda::Sum>(squares, scratch);
  if (threadIdx.x != 0) return;
  layout.scratch[2 * blockIdx.x] = sum;
  layout.scratch[2 * blockIdx.x + 1] = squares;
}

__global__ void __launch_bounds__(kThreads) wave_layout_kernel(WaveLayout layout) {
  SER_SHARED(float, shared, 2);
  const cuda::Chunk chunk = cuda::chunk_of_block(layout.slots, layout.count, kChunk);
  if (chunk.count == 0) return;
  const std::int64_t b = chunk.segment, start = layout.starts[b], length = layout.starts[b + 1] - start;
  if (layout.normalise) {
    if (threadIdx.x < kWarp) {
      const std::int64_t first = cuda::first_chunk(start, b, kChunk), chunks = cuda::ceil_div(length, kChunk);
      double sum = 0, squares = 0;
      for (std::int64_t c = first + threadIdx.x; c < first + chunks; c += kWarp) {
        sum += layout.scratch[2 * c];
        squares += layout.scratch[2 * c + 1];
      }
      sum = cuda::warp_reduce<cuda::Sum>(sum);
      squares = cuda::warp_reduce<cuda::Sum>(squares);
      if (threadIdx.x == 0) {
        const double mean = sum / static_cast<double>(length);
        const double variance = max(0.0, squares / static_cast<double>(length) - mean * mean);
        shared[0] = static_cast<float>(mean);
        shared[1] = static_cast<float>(1 / sqrt(variance + layout.epsilon));
      }
    }
    __syncthreads();
  }
  const float mean = layout.normalise ? shared[0] : 0.0f, stretch = layout.normalise ? shared[1] : 1.0f;
  const std::int64_t from = chunk.first - layout.slots[b];
#pragma unroll 4
  for (int i = threadIdx.x; i < chunk.count; i += kThreads) {
    const std::int64_t t = from + i;
    layout.out[chunk.first + i] = t < length ? (layout.samples[start + t] - mean) * stretch : 0.0f;
  }
}

}  // namespace

std::int64_t wave_layout_scratch(std::int64_t read, std::int64_t count) { return 2 * cuda::chunk_numbers(read, count, kChunk); }

void lay_out_waves(const WaveLayout& layout, void* on) {
  if (layout.count == 0) return;
  const auto stream = static_cast<cudaStream_t>(on);
  if (layout.normalise) {
    const auto blocks = static_cast<unsigned>(cuda::chunk_numbers(layout.read, layout.count, kChunk));
    SER_LAUNCH(wave_moments_kernel, blocks, kThreads, 0, stream, layout);
  }
  const auto blocks = static_cast<unsigned>(cuda::chunk_numbers(layout.written, layout.count, kChunk));
  SER_LAUNCH(wave_layout_kernel, blocks, kThreads, 0, stream, layout);
}

}  // namespace ser
