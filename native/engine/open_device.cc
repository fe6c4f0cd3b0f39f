#include "engine/open_device.h"

#include "engine/cuda_devices.h"
#include "engine/engine.h"

#ifdef SER_CUDA
#include <cuda_runtime_api.h>

#include "engine/device_probe_cuda.h"
#endif

namespace ser {

at::Device open_cuda_device() {
  const CudaReport report = cuda_report();
  if (!report.chosen) throw Error("E_DEVICE", "no GPU can be used: " + report.problem);
#ifdef SER_CUDA
  const int index = *report.chosen;
  const int arch = run_device_probe(index);
  if (arch < 0) {
    throw Error("E_DEVICE", "GPU " + std::to_string(index) + " (" + report.devices[static_cast<std::size_t>(index)].name +
                                ") does not run a kernel: " + cudaGetErrorString(static_cast<cudaError_t>(-arch)));
  }
#endif
  return {at::kCUDA, static_cast<at::DeviceIndex>(*report.chosen)};
}

}  // namespace ser
