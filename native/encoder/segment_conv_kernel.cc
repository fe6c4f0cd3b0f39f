#include "encoder/segment_conv_kernel.h"

#include <algorithm>

#include "engine/vector_clones.h"

namespace ser {
namespace {

constexpr std::int64_t kBlock = 64;  // channels whose sums stay in registers over all taps

}  // namespace

SER_VECTOR_CLONES void depthwise_forward(const DepthwiseShape& shape, const float* x, const float* taps, const float* bias,
                                         float* y) {
  const std::int64_t half = shape.kernel / 2, width = shape.width;
  for (std::int64_t t = 0; t < shape.frames; ++t) {
    const std::int64_t first = std::max<std::int64_t>(0, half - t), last = std::min(shape.kernel, shape.frames - t + half);
    for (std::int64_t block = 0; block < width; block += kBlock) {
      const std::int64_t n = std::min(kBlock, width - block);
      float sum[kBlock];
      for (std::int64_t d = 0; d < kBlock; ++d) sum[d] = bias != nullptr && d < n ? bias[block + d] : 0.0f;
      for (std::int64_t k = first; k < last; ++k) {
        const float* SER_RESTRICT row = x + (t + k - half) * width + block;
        const float* SER_RESTRICT tap = taps + k * width + block;
        if (n == kBlock) {
          for (std::int64_t d = 0; d < kBlock; ++d) sum[d] += row[d] * tap[d];
        } else {
          for (std::int64_t d = 0; d < n; ++d) sum[d] += row[d] * tap[d];
        }
      }
      for (std::int64_t d = 0; d < n; ++d) y[t * width + block + d] = sum[d];
    }
  }
}

SER_VECTOR_CLONES void depthwise_weight_gradient(const DepthwiseShape& shape, std::int64_t begin, std::int64_t end,
                                                 const float* x, const float* dy, float* d_taps) {
  const std::int64_t half = shape.kernel / 2, width = shape.width;
  for (std::int64_t k = 0; k < shape.kernel; ++k) {
    const std::int64_t shift = k - half;
    const std::int64_t first = std::max<std::int64_t>(0, -shift), last = std::min(shape.frames, shape.frames - shift);
    for (std::int64_t block = begin; block < end; block += 16) {
      const std::int64_t n = std::min<std::int64_t>(16, end - block);
      float sum[16] = {};
      for (std::int64_t t = first; t < last; ++t) {
        const float* SER_RESTRICT row = x + (t + shift) * width + block;
        const float* SER_RESTRICT up = dy + t * width + block;
        if (n == 16) {
          for (int d = 0; d < 16; ++d) sum[d] += row[d] * up[d];
        } else {
          for (std::int64_t d = 0; d < n; ++d) sum[d] += row[d] * up[d];
        }
      }
      for (std::int64_t d = 0; d < n; ++d) d_taps[k * width + block + d] += sum[d];
    }
  }
}

}  // namespace ser
