// Eight neighbouring values of a row as float32: the share of one lane, 16 bytes of bf16 or 32 of float32.
#pragma once

#include <type_traits>

#include "cuda/kernel.h"

namespace ser::cuda {

inline constexpr int kEight = 8;
// Neighbours that a warp has in hand at once.
inline constexpr int kTile = kWarp * kEight;

// Whether rows of `width` values from each of these pointers may be read 16 bytes at a time; null pointers are not read.
template <typename... T>
bool vectorised(std::int64_t width, const T*... rows) {
  return width % kEight == 0 && ((reinterpret_cast<std::uintptr_t>(rows) % 16 == 0) && ...);
}

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename T>
__device__ __forceinline__ T from_float(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else {
    return __float2bfloat16_rn(x);
  }
}

// Two values in a register, `low` in the lower half, which is the one of the smaller column or row.
__device__ __forceinline__ unsigned pack_bf16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  unsigned bits;
  memcpy(&bits, &pair, sizeof bits);
  return bits;
}

// to[j] = from[j], zeros from `count` on. `vector` as vectorised() said; the count is then 0 or at least 8.
template <typename T>
__device__ __forceinline__ void load_eight(const T* from, int count, bool vector, float (&to)[kEight]) {
  if (vector && count >= kEight) {
    if constexpr (std::is_same_v<T, float>) {
      const float4 a = reinterpret_cast<const float4*>(from)[0], b = reinterpret_cast<const float4*>(from)[1];
      to[0] = a.x, to[1] = a.y, to[2] = a.z, to[3] = a.w;
      to[4] = b.x, to[5] = b.y, to[6] = b.z, to[7] = b.w;
    } else {
      const uint4 a = *reinterpret_cast<const uint4*>(from);
      const unsigned words[4] = {a.x, a.y, a.z, a.w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        to[2 * i] = __uint_as_float(words[i] << 16);
        to[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
      }
    }
    return;
  }
#pragma unroll
  for (int j = 0; j < kEight; ++j) to[j] = j < count ? to_float(from[j]) : 0.0f;
}

template <typename T>
__device__ __forceinline__ void store_eight(T* to, int count, bool vector, const float (&from)[kEight]) {
  if (vector && count >= kEight) {
    if constexpr (std::is_same_v<T, float>) {
      reinterpret_cast<float4*>(to)[0] = make_float4(from[0], from[1], from[2], from[3]);
      reinterpret_cast<float4*>(to)[1] = make_float4(from[4], from[5], from[6], from[7]);
    } else {
      *reinterpret_cast<uint4*>(to) = make_uint4(pack_bf16(from[0], from[1]), pack_bf16(from[2], from[3]),
                                                 pack_bf16(from[4], from[5]), pack_bf16(from[6], from[7]));
    }
    return;
  }
#pragma unroll
  for (int j = 0; j < kEight; ++j) {
    if (j < count) to[j] = from_float<T>(from[j]);
  }
}

}  // namespace ser::cuda
