#include "encoder/norm_relu_kernel.h"

#include "engine/vector_clones.h"

namespace ser {

SER_VECTOR_CLONES void norm_sums(std::int64_t frames, std::int64_t n, const float* SER_RESTRICT x, float* SER_RESTRICT sum,
                                 float* SER_RESTRICT square) {
  for (std::int64_t i = 0; i < n; ++i) sum[i] = square[i] = 0;
  for (std::int64_t t = 0; t < frames; ++t, x += n) {
    for (std::int64_t i = 0; i < n; ++i) {
      sum[i] += x[i];
      square[i] += x[i] * x[i];
    }
  }
}

SER_VECTOR_CLONES void norm_apply(std::int64_t frames, std::int64_t n, const float* SER_RESTRICT x, const float* SER_RESTRICT scale,
                                  const float* SER_RESTRICT shift, float* SER_RESTRICT y) {
  for (std::int64_t t = 0; t < frames; ++t, x += n, y += n) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float z = x[i] * scale[i] + shift[i];
      y[i] = z > 0 ? z : 0.0f;
    }
  }
}

SER_VECTOR_CLONES void norm_gradient_sums(std::int64_t frames, std::int64_t n, const float* SER_RESTRICT x, const float* SER_RESTRICT dy,
                                          const float* SER_RESTRICT scale, const float* SER_RESTRICT shift, float* SER_RESTRICT sum,
                                          float* SER_RESTRICT product) {
  for (std::int64_t i = 0; i < n; ++i) sum[i] = product[i] = 0;
  for (std::int64_t t = 0; t < frames; ++t, x += n, dy += n) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float dz = x[i] * scale[i] + shift[i] > 0 ? dy[i] : 0.0f;
      sum[i] += dz;
      product[i] += dz * x[i];
    }
  }
}

SER_VECTOR_CLONES void norm_gradient_apply(std::int64_t frames, std::int64_t n, const float* SER_RESTRICT x, const float* SER_RESTRICT dy,
                                           const float* SER_RESTRICT scale, const float* SER_RESTRICT shift, const float* SER_RESTRICT slope,
                                           const float* SER_RESTRICT offset, float* SER_RESTRICT dx) {
  for (std::int64_t t = 0; t < frames; ++t, x += n, dy += n, dx += n) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float dz = x[i] * scale[i] + shift[i] > 0 ? dy[i] : 0.0f;
      dx[i] = dz * scale[i] + x[i] * slope[i] + offset[i];
    }
  }
}

}  // namespace ser
