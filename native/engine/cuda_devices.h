// GPUs as the CUDA runtime sees them. Nothing here throws, and a build with CUDA reports "no GPU" on a machine without a driver
// as it would any other fact. No torch header is needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ser {

struct CudaDevice {
  int index = 0;  // among those that CUDA_VISIBLE_DEVICES leaves
  std::string name;
  int major = 0, minor = 0;  // compute capability
  std::uint64_t memory = 0;  // bytes
  bool has_code = false;     // this build has code for it
};

struct CudaReport {
  int driver = 0;                          // CUDA version that the driver supports, e.g. 13000; 0 = no driver
  int runtime = 0;                         // of the CUDA runtime in use; 0 in a build without CUDA
  std::vector<std::string> architectures;  // compute capabilities compiled for, e.g. "90"; the last one also as PTX
  std::vector<CudaDevice> devices;
  std::optional<int> chosen;  // index of the device that an engine would use: the first with code in this build
  std::string problem;        // why none is chosen, a sentence without its full stop
};

CudaReport cuda_report() noexcept;

// Whether code compiled for `architectures` runs on a device of this capability: machine code runs on later minor versions of
// its major version, PTX of the last entry on every later device.
bool has_code_for(const std::vector<std::string>& architectures, int major, int minor);

// Free and total memory of a device in bytes. Opens it, which takes memory itself; nothing where that fails.
std::optional<std::pair<std::uint64_t, std::uint64_t>> cuda_memory(int device) noexcept;

}  // namespace ser
