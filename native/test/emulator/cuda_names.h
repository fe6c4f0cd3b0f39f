// CUDA's names for the host's compiler: what a kernel source of this project may use. Add a name here when a kernel needs it,
// with the arithmetic of CUDA's documentation; approximate functions (__expf and so on) are the exact ones here, so a test's
// tolerance must leave room for both.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "test/emulator/emulator.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) alignas(bytes)

#define threadIdx (::ser::emulator::place().thread)
#define blockIdx (::ser::emulator::place().block)
#define blockDim (::ser::emulator::place().block_size)
#define gridDim (::ser::emulator::place().grid_size)

#define __syncthreads() ::ser::emulator::block_barrier(__FILE__, __LINE__)
#define __syncthreads_or(predicate) (::ser::emulator::block_barrier_count((predicate) != 0, __FILE__, __LINE__) != 0)
#define __syncthreads_count(predicate) ::ser::emulator::block_barrier_count((predicate) != 0, __FILE__, __LINE__)
#define __syncwarp(...) ::ser::emulator::sync_warp(__FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__)
#define __shfl_sync(mask, value, source) \
  ::ser::emulator::shuffle(mask, value, static_cast<int>(source) & 31, __FILE__, __LINE__)
#define __shfl_xor_sync(mask, value, bits) \
  ::ser::emulator::shuffle(mask, value, static_cast<int>(::ser::emulator::lane()) ^ static_cast<int>(bits), __FILE__, __LINE__)
#define __shfl_down_sync(mask, value, delta) \
  ::ser::emulator::shuffle_by(mask, value, static_cast<int>(delta), __FILE__, __LINE__)
#define __shfl_up_sync(mask, value, delta) \
  ::ser::emulator::shuffle_by(mask, value, -static_cast<int>(delta), __FILE__, __LINE__)
#define __ballot_sync(mask, predicate) ::ser::emulator::ballot(mask, predicate, __FILE__, __LINE__)
#define __any_sync(mask, predicate) (::ser::emulator::ballot(mask, predicate, __FILE__, __LINE__) != 0)
#define __all_sync(mask, predicate) (::ser::emulator::ballot(mask, !(predicate), __FILE__, __LINE__) == 0)

#define SER_SHARED(type, name, count) \
  static const char name##_tag = 0;   \
  type(&name)[count] = *static_cast<type(*)[count]>(::ser::emulator::static_shared(&name##_tag, sizeof(type) * (count)))
#define SER_DYNAMIC_SHARED(name) unsigned char* name = static_cast<unsigned char*>(::ser::emulator::dynamic_shared())
#define SER_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                     \
  do {                                                                                                 \
    static_cast<void>(stream);                                                                         \
    ::ser::emulator::launch((grid), (block), (shared_bytes), #kernel, [&] { (kernel)(__VA_ARGS__); }); \
  } while (false)

using dim3 = ser::emulator::Dim3;
using cudaStream_t = void*;
enum cudaError_t { cudaSuccess = 0 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
inline const char* cudaGetErrorString(cudaError_t) { return "an error of the emulator"; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) { return cudaSuccess; }
inline cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t) {
  std::memset(to, value, bytes);
  return cudaSuccess;
}

// Vectors, aligned as CUDA's are: the undefined-behaviour sanitizer sees an access that is not.
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// bfloat16: the upper half of a float, rounded to nearest, ties to even.
struct __nv_bfloat16 {
  std::uint16_t bits;
  __nv_bfloat16() = default;
  __nv_bfloat16(float value) {  // implicit, as CUDA's is
    const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
    const bool nan = (word & 0x7fffffffu) > 0x7f800000u;
    bits = nan ? std::uint16_t{0x7fff} : static_cast<std::uint16_t>((word + 0x7fffu + (word >> 16 & 1u)) >> 16);
  }
  operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};
struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
inline __nv_bfloat16 __float2bfloat16(float value) { return value; }
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return value; }
inline float __bfloat162float(__nv_bfloat16 value) { return value; }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {x, y}; }
inline float2 __bfloat1622float2(__nv_bfloat162 value) { return {value.x, value.y}; }

inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline double __dadd_rn(double x, double y) { return x + y; }
inline float __double2float_rn(double x) { return static_cast<float>(x); }
inline std::uint32_t __umulhi(std::uint32_t x, std::uint32_t y) {
  return static_cast<std::uint32_t>(std::uint64_t{x} * y >> 32);
}
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline int __popc(unsigned x) { return std::popcount(x); }
template <typename T>
T __ldg(const T* from) {
  return *from;
}

// Threads take turns, so plain arithmetic is atomic.
template <typename T>
T atomicAdd(T* to, T value) {
  const T old = *to;
  *to = old + value;
  return old;
}
inline void __threadfence() {}

using std::max;
using std::min;

namespace ser::emulator {

inline void sync_warp(const char* file, int line, unsigned mask = 0xffffffffu) {
  const char nothing = 0;
  warp_exchange(mask, &nothing, sizeof nothing, file, line);
}

inline unsigned ballot(unsigned mask, bool predicate, const char* file, int line) {
  const unsigned char mine = predicate ? 1 : 0;
  const unsigned char* all = warp_exchange(mask, &mine, sizeof mine, file, line);
  unsigned result = 0;
  for (unsigned i = 0; i < 32; ++i) {
    if ((mask >> i & 1u) != 0 && all[i] != 0) result |= 1u << i;
  }
  return result;
}

// Past the warp's end a lane keeps its own value, as on the hardware.
template <typename T>
T shuffle_by(unsigned mask, T value, int delta, const char* file, int line) {
  const int source = static_cast<int>(lane()) + delta;
  return shuffle(mask, value, source < 0 || source > 31 ? static_cast<int>(lane()) : source, file, line);
}

}  // namespace ser::emulator
