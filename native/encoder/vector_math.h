// Vectors of sixteen floats and the few functions of them that kernels need. Included by *_kernel.cc alone, whose functions are
// compiled for several vector widths: GCC splits these as the target demands.
#pragma once

#include <cstdint>
#include <cstring>

#include "engine/vector_clones.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace ser {

inline constexpr int kLanes = 16;
using Vec = float __attribute__((vector_size(kLanes * sizeof(float))));
using IntVec = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));

SER_ALWAYS_INLINE Vec load(const float* at) {
  Vec v;
  std::memcpy(&v, at, sizeof v);
  return v;
}
SER_ALWAYS_INLINE void store(float* at, const Vec& v) { std::memcpy(at, &v, sizeof v); }
SER_ALWAYS_INLINE Vec splat(float x) { return Vec{} + x; }

// exp for x <= 0, relative error about 2e-7; 0 under -87, where float would turn denormal.
SER_ALWAYS_INLINE Vec exp_of(const Vec& input) {
  const Vec x = input < -87.0f ? splat(-87.0f) : input;
  const Vec shifted = x * 1.44269504f + 12582912.0f;  // rounds to the nearest integer in the low mantissa bits
  const Vec n = shifted - 12582912.0f;
  const Vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vec p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const IntVec exponent = (__builtin_convertvector(n, IntVec) + 127) << 23;
  Vec power;
  std::memcpy(&power, &exponent, sizeof power);
  const Vec result = p * power;
  return input < -87.0f ? Vec{} : result;
}

SER_ALWAYS_INLINE float sum_of(const Vec& v) {
  float total = 0;
  for (int i = 0; i < kLanes; ++i) total += v[i];
  return total;
}

// x Phi(x), the exact GELU, through Abramowitz and Stegun's 7.1.26 for the normal distribution's tail (absolute error 1e-7).
SER_ALWAYS_INLINE Vec gelu_of(const Vec& x) {
  const Vec z = (x < 0.0f ? -x : x) * 0.70710678f;
  const Vec t = 1.0f / (1.0f + 0.3275911f * z);
  Vec p = splat(1.061405429f);
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const Vec tail = x * (p * t * 0.5f * exp_of(-z * z));
  return x < 0.0f ? tail : x - tail;
}

}  // namespace ser
