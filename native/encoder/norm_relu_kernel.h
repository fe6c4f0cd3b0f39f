// Row loops of norm_relu on the CPU: one utterance of `frames` rows of `n` = W * C floats (channels last). Per-channel values
// come tiled to n floats, so that every loop is plain elementwise work whatever the number of channels.
#pragma once

#include <cstdint>

namespace ser {

// sum[i] = sum_t x, square[i] = sum_t x^2.
void norm_sums(std::int64_t frames, std::int64_t n, const float* x, float* sum, float* square);

// y = max(x * scale + shift, 0).
void norm_apply(std::int64_t frames, std::int64_t n, const float* x, const float* scale, const float* shift, float* y);

// dz = dy where x * scale + shift > 0, else 0; sum[i] = sum_t dz, product[i] = sum_t dz * x.
void norm_gradient_sums(std::int64_t frames, std::int64_t n, const float* x, const float* dy, const float* scale, const float* shift,
                        float* sum, float* product);

// dx = dz * scale + x * slope + offset.
void norm_gradient_apply(std::int64_t frames, std::int64_t n, const float* x, const float* dy, const float* scale, const float* shift,
                         const float* slope, const float* offset, float* dx);

}  // namespace ser
