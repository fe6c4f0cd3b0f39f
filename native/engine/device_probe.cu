// Shows that this build has code for a device, before anything large is sent there: a launch without fitting code fails only
// when it is made, and then in the middle of a step.
#include "cuda/kernel.h"
#include "engine/device_probe_cuda.h"

namespace ser {
namespace {

__global__ void device_probe_kernel(int* arch) {
#ifdef __CUDA_ARCH__
  *arch = __CUDA_ARCH__;
#else
  *arch = 0;
#endif
}

}  // namespace

int run_device_probe(int device) noexcept {
  int* result = nullptr;
  int arch = 0;
  cudaError_t status = cudaSetDevice(device);
  if (status == cudaSuccess) status = cudaMalloc(reinterpret_cast<void**>(&result), sizeof(int));
  if (status == cudaSuccess) {
    // Not SER_LAUNCH, which throws: the error's number is the answer.
    device_probe_kernel<<<1, 1>>>(result);
    status = cudaGetLastError();
  }
  if (status == cudaSuccess) status = cudaMemcpy(&arch, result, sizeof(int), cudaMemcpyDeviceToHost);
  if (result != nullptr) cudaFree(result);
  // The runtime keeps a failed launch for whoever asks next; this one has been reported.
  cudaGetLastError();
  return status == cudaSuccess ? arch : -static_cast<int>(status);
}

}  // namespace ser
