// What every kernel source (*.cu) includes instead of CUDA's own headers.
//
// The same source is compiled twice: by nvcc for a GPU, and by the host's compiler against native/test/emulator, where a
// block's threads are fibers and every check of a test runs without a GPU. Three things must be spelled through this header
// for that, since C++ has no word for them:
//   SER_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...)   in place of kernel<<<...>>>(...)
//   SER_SHARED(type, name, count)         a static shared array of `count` elements
//   SER_DYNAMIC_SHARED(name)              the block's dynamic shared memory, unsigned char*, aligned to 16 bytes
// Kernel sources see neither torch nor ATen. Each has, beside it, X_cuda.h (its launchers, plain pointers) and X_cuda.cc (the
// ATen side, compiled with SER_CUDA only).
#pragma once

#include <cstdint>
#include <string>

#include "engine/engine.h"

#ifdef SER_CUDA_EMULATED
#include "test/emulator/cuda_names.h"
#else
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#define SER_SHARED(type, name, count) __shared__ type name[count]
#define SER_DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#define SER_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)        \
  do {                                                                    \
    (kernel)<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__); \
    ::ser::cuda::check_launch(#kernel);                                   \
  } while (false)
#endif

namespace ser::cuda {

// Throws E_CUDA naming what was asked for where the runtime refused it.
inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  throw Error("E_CUDA", std::string(what) + ": " + cudaGetErrorString(status));
}

// A launch reports only its configuration here (too many threads, too much shared memory); what a kernel does wrong shows
// at a later call.
inline void check_launch(const char* kernel) { check(cudaGetLastError(), kernel); }

inline constexpr int kWarp = 32;
inline constexpr unsigned kFullMask = 0xffffffffu;

template <typename T>
constexpr T ceil_div(T a, T b) {
  return (a + b - 1) / b;
}

// More than 48 KB of dynamic shared memory has to be asked for, once per kernel and device.
template <typename Kernel>
void allow_shared(Kernel kernel, std::size_t bytes) {
  if (bytes <= 48 * 1024) return;
  check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(bytes)),
        "cudaFuncSetAttribute");
}

}  // namespace ser::cuda
