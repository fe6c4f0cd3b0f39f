// Row loops of norm_relu on the CPU: one utterance of `frames` rows of `n` = W * C floats (channels last). Per-channel values
// come tiled to n floats, so that every loop is plain elementwise work whatever the number of channels.
#pragma once

#include <cstdint>

namespace ser {

// The bits of a bfloat16. The loops below compute in float32 whatever they read and write; T is float or Half16.
struct Half16 {
  std::uint16_t bits;
};

// sum[i] = sum_t x, square[i] = sum_t x^2.
template <typename T>
void norm_sums(std::int64_t frames, std::int64_t n, const T* x, float* sum, float* square);

// y = max(x * scale + shift, 0).
template <typename T>
void norm_apply(std::int64_t frames, std::int64_t n, const T* x, const float* scale, const float* shift, T* y);

// dz = dy where x * scale + shift > 0, else 0; sum[i] = sum_t dz, product[i] = sum_t dz * x.
template <typename T>
void norm_gradient_sums(std::int64_t frames, std::int64_t n, const T* x, const T* dy, const float* scale, const float* shift,
                        float* sum, float* product);

// dx = dz * scale + x * slope + offset.
template <typename T>
void norm_gradient_apply(std::int64_t frames, std::int64_t n, const T* x, const T* dy, const float* scale, const float* shift,
                         const float* slope, const float* offset, T* dx);

}  // namespace ser
