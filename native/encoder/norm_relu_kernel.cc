#include "encoder/norm_relu_kernel.h"

#include <cstring>

#include "engine/vector_clones.h"

namespace ser {
namespace {

SER_ALWAYS_INLINE float get(float x) { return x; }
SER_ALWAYS_INLINE float get(Half16 x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

SER_ALWAYS_INLINE void put(float& to, float value) { to = value; }
SER_ALWAYS_INLINE void put(Half16& to, float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  // Round to nearest even; the carry would turn some NaNs into zeros, so they are kept apart.
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  to.bits = static_cast<std::uint16_t>(value == value ? rounded : 0x7fc0u);
}

template <typename T>
SER_ALWAYS_INLINE void sums(std::int64_t frames, std::int64_t n, const T* SER_RESTRICT x, float* SER_RESTRICT sum,
                            float* SER_RESTRICT square) {
  for (std::int64_t i = 0; i < n; ++i) sum[i] = square[i] = 0;
  for (std::int64_t t = 0; t < frames; ++t, x += n) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float value = get(x[i]);
      sum[i] += value;
      square[i] += value * value;
    }
  }
}

template <typename T>
SER_ALWAYS_INLINE void apply(std::int64_t frames, std::int64_t n, const T* SER_RESTRICT x, const float* SER_RESTRICT scale,
                             const float* SER_RESTRICT shift, T* SER_RESTRICT y) {
  for (std::int64_t t = 0; t < frames; ++t, x += n, y += n) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float z = get(x[i]) * scale[i] + shift[i];
      put(y[i], z < 0 ? 0.0f : z);  // NaN passes, so that the loss tells of it
    }
  }
}

template <typename T>
SER_ALWAYS_INLINE void gradient_sums(std::int64_t frames, std::int64_t n, const T* SER_RESTRICT x, const T* SER_RESTRICT dy,
                                     const float* SER_RESTRICT scale, const float* SER_RESTRICT shift, float* SER_RESTRICT sum,
                                     float* SER_RESTRICT product) {
  for (std::int64_t i = 0; i < n; ++i) sum[i] = product[i] = 0;
  for (std::int64_t t = 0; t < frames; ++t, x += n, dy += n) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float value = get(x[i]);
      const float dz = value * scale[i] + shift[i] > 0 ? get(dy[i]) : 0.0f;
      sum[i] += dz;
      product[i] += dz * value;
    }
  }
}

template <typename T>
SER_ALWAYS_INLINE void gradient_apply(std::int64_t frames, std::int64_t n, const T* SER_RESTRICT x, const T* SER_RESTRICT dy,
                                      const float* SER_RESTRICT scale, const float* SER_RESTRICT shift,
                                      const float* SER_RESTRICT slope, const float* SER_RESTRICT offset, T* SER_RESTRICT dx) {
  for (std::int64_t t = 0; t < frames; ++t, x += n, dy += n, dx += n) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float value = get(x[i]);
      const float dz = value * scale[i] + shift[i] > 0 ? get(dy[i]) : 0.0f;
      put(dx[i], dz * scale[i] + value * slope[i] + offset[i]);
    }
  }
}

#define SER_STAMP(NAME, T)                                                                                                     \
  SER_VECTOR_CLONES void sums_##NAME(std::int64_t frames, std::int64_t n, const T* x, float* sum, float* square) {             \
    sums<T>(frames, n, x, sum, square);                                                                                        \
  }                                                                                                                            \
  SER_VECTOR_CLONES void apply_##NAME(std::int64_t frames, std::int64_t n, const T* x, const float* scale, const float* shift, \
                                      T* y) {                                                                                  \
    apply<T>(frames, n, x, scale, shift, y);                                                                                   \
  }                                                                                                                            \
  SER_VECTOR_CLONES void gradient_sums_##NAME(std::int64_t frames, std::int64_t n, const T* x, const T* dy,                    \
                                              const float* scale, const float* shift, float* sum, float* product) {            \
    gradient_sums<T>(frames, n, x, dy, scale, shift, sum, product);                                                            \
  }                                                                                                                            \
  SER_VECTOR_CLONES void gradient_apply_##NAME(std::int64_t frames, std::int64_t n, const T* x, const T* dy,                   \
                                               const float* scale, const float* shift, const float* slope,                     \
                                               const float* offset, T* dx) {                                                   \
    gradient_apply<T>(frames, n, x, dy, scale, shift, slope, offset, dx);                                                      \
  }
SER_STAMP(float, float)
SER_STAMP(half, Half16)
#undef SER_STAMP

}  // namespace

#define SER_STAMP(NAME, T)                                                                                         \
  template <>                                                                                                      \
  void norm_sums(std::int64_t frames, std::int64_t n, const T* x, float* sum, float* square) {                     \
    sums_##NAME(frames, n, x, sum, square);                                                                        \
  }                                                                                                                \
  template <>                                                                                                      \
  void norm_apply(std::int64_t frames, std::int64_t n, const T* x, const float* scale, const float* shift, T* y) { \
    apply_##NAME(frames, n, x, scale, shift, y);                                                                   \
  }                                                                                                                \
  template <>                                                                                                      \
  void norm_gradient_sums(std::int64_t frames, std::int64_t n, const T* x, const T* dy, const float* scale,        \
                          const float* shift, float* sum, float* product) {                                        \
    gradient_sums_##NAME(frames, n, x, dy, scale, shift, sum, product);                                            \
  }                                                                                                                \
  template <>                                                                                                      \
  void norm_gradient_apply(std::int64_t frames, std::int64_t n, const T* x, const T* dy, const float* scale,       \
                           const float* shift, const float* slope, const float* offset, T* dx) {                   \
    gradient_apply_##NAME(frames, n, x, dy, scale, shift, slope, offset, dx);                                      \
  }
SER_STAMP(float, float)
SER_STAMP(half, Half16)
#undef SER_STAMP

}  // namespace ser
