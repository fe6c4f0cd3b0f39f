#include "encoder/pretrained/conv_extractor_kernel.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "encoder/vector_math.h"

namespace ser {
namespace {

// Rows that share every tap loaded.
constexpr int kRows = 8;

SER_ALWAYS_INLINE void put(float* out, const Vec& v, std::int64_t count) {
  if (count >= kLanes) {
    store(out, v);
  } else {
    for (std::int64_t i = 0; i < count; ++i) out[i] = v[static_cast<int>(i)];
  }
}

// To the nearest bf16, ties to even; values here are finite.
SER_ALWAYS_INLINE void put(std::uint16_t* out, const Vec& v, std::int64_t count) {
  using Words = std::uint32_t __attribute__((vector_size(kLanes * sizeof(std::uint32_t))));
  using Halves = std::uint16_t __attribute__((vector_size(kLanes * sizeof(std::uint16_t))));
  Words bits;
  std::memcpy(&bits, &v, sizeof bits);
  bits = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const Halves halves = __builtin_convertvector(bits, Halves);
  if (count >= kLanes) {
    std::memcpy(out, &halves, sizeof halves);
  } else {
    for (std::int64_t i = 0; i < count; ++i) out[i] = halves[static_cast<int>(i)];
  }
}

template <int N>
SER_ALWAYS_INLINE void taps_of_rows(const FirstConv& conv, std::int64_t width, const float* samples, std::int64_t c,
                                    Vec* sums) {
  const Vec bias = load(conv.bias + c);
  for (int r = 0; r < N; ++r) sums[r] = bias;
  for (std::int64_t k = 0; k < conv.kernel; ++k) {
    const Vec tap = load(conv.taps + k * width + c);
    for (int r = 0; r < N; ++r) sums[r] += tap * samples[r * conv.stride + k];
  }
}

template <int N, typename Out>
SER_ALWAYS_INLINE void rows_of(const FirstConv& conv, std::int64_t width, const float* samples, Out* out, float* buffer) {
  if (conv.norm_weight == nullptr) {
    for (std::int64_t c = 0; c < width; c += kLanes) {
      Vec sums[N];
      taps_of_rows<N>(conv, width, samples, c, sums);
      for (int r = 0; r < N; ++r) put(out + r * conv.channels + c, gelu_of(sums[r]), conv.channels - c);
    }
    return;
  }
  // Lanes after the last channel hold zeros, which the sum of squares about the mean has to leave out.
  const auto channels = static_cast<float>(conv.channels);
  Vec total[N] = {};
  for (std::int64_t c = 0; c < width; c += kLanes) {
    Vec sums[N];
    taps_of_rows<N>(conv, width, samples, c, sums);
    for (int r = 0; r < N; ++r) {
      store(buffer + r * width + c, sums[r]);
      total[r] += sums[r];
    }
  }
  for (int r = 0; r < N; ++r) {
    const float* row = buffer + r * width;
    const float mean = sum_of(total[r]) / channels;
    Vec square = {};
    for (std::int64_t c = 0; c < width; c += kLanes) {
      const Vec d = load(row + c) - mean;
      square += d * d;
    }
    const float beyond = static_cast<float>(width - conv.channels) * mean * mean;
    const float scale = 1.0f / std::sqrt((sum_of(square) - beyond) / channels + conv.epsilon);
    std::int64_t c = 0;
    for (; c + kLanes <= conv.channels; c += kLanes) {
      put(out + r * conv.channels + c,
          gelu_of((load(row + c) - mean) * scale * load(conv.norm_weight + c) + load(conv.norm_bias + c)), kLanes);
    }
    if (c < conv.channels) {
      Vec weight = {}, bias = {};
      for (int i = 0; i < conv.channels - c; ++i) {
        weight[i] = conv.norm_weight[c + i];
        bias[i] = conv.norm_bias[c + i];
      }
      put(out + r * conv.channels + c, gelu_of((load(row + c) - mean) * scale * weight + bias), conv.channels - c);
    }
  }
}

template <typename Out>
SER_ALWAYS_INLINE void all_rows(const FirstConv& conv, const float* samples, std::int64_t rows, Out* out) {
  const std::int64_t width = first_conv_width(conv.channels);
  std::vector<float> buffer(static_cast<std::size_t>(conv.norm_weight == nullptr ? 0 : kRows * width));
  std::int64_t t = 0;
  for (; t + kRows <= rows; t += kRows) {
    rows_of<kRows>(conv, width, samples + t * conv.stride, out + t * conv.channels, buffer.data());
  }
  for (; t < rows; ++t) rows_of<1>(conv, width, samples + t * conv.stride, out + t * conv.channels, buffer.data());
}

SER_VECTOR_CLONES void rows_float(const FirstConv& conv, const float* samples, std::int64_t rows, float* out) {
  all_rows(conv, samples, rows, out);
}
SER_VECTOR_CLONES void rows_half(const FirstConv& conv, const float* samples, std::int64_t rows, std::uint16_t* out) {
  all_rows(conv, samples, rows, out);
}

}  // namespace

std::int64_t first_conv_width(std::int64_t channels) { return (channels + kLanes - 1) / kLanes * kLanes; }

void first_conv(const FirstConv& conv, const float* samples, std::int64_t rows, float* out) {
  rows_float(conv, samples, rows, out);
}
void first_conv(const FirstConv& conv, const float* samples, std::int64_t rows, std::uint16_t* out) {
  rows_half(conv, samples, rows, out);
}

}  // namespace ser
