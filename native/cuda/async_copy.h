// Copies from global to shared memory that run beside the arithmetic (cp.async, compute capability 8.0 and up).
//
// A thread's copies join the group that its next commit_copies() closes; wait_copies<n>() returns when at most its n latest
// groups are still under way. What other threads copied is there after a barrier behind their wait. In the emulator a copy takes
// place at the wait, so what reads too early reads the old bytes.
#pragma once

#include "cuda/kernel.h"

namespace ser::cuda {

// 16 bytes, both addresses multiples of 16. Where not `valid`, zeros are written and `from` is not read.
__device__ __forceinline__ void copy_async(void* to, const void* from, bool valid) {
#ifdef SER_CUDA_EMULATED
  alignas(16) static const unsigned char zeros[16] = {};
  if (reinterpret_cast<std::uintptr_t>(to) % 16 != 0 || reinterpret_cast<std::uintptr_t>(valid ? from : zeros) % 16 != 0) {
    throw emulator::Fault("an asynchronous copy of 16 bytes at an address that is no multiple of 16");
  }
  emulator::copy_later(to, valid ? from : zeros, 16);
#else
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(address), "l"(from), "r"(valid ? 16 : 0) : "memory");
#endif
}

__device__ __forceinline__ void commit_copies() {
#ifdef SER_CUDA_EMULATED
  emulator::commit_copies();
#else
  asm volatile("cp.async.commit_group;\n" ::: "memory");
#endif
}

template <int Pending>
__device__ __forceinline__ void wait_copies() {
#ifdef SER_CUDA_EMULATED
  emulator::wait_for_copies(Pending);
#else
  asm volatile("cp.async.wait_group %0;\n" ::"n"(Pending) : "memory");
#endif
}

}  // namespace ser::cuda
