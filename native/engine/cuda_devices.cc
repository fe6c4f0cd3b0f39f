#include "engine/cuda_devices.h"

#include <cstdlib>

#ifdef SER_CUDA
#include <cuda_runtime_api.h>
#endif

namespace ser {

bool has_code_for(const std::vector<std::string>& architectures, int major, int minor) {
  for (std::size_t i = 0; i < architectures.size(); ++i) {
    const std::string& text = architectures[i];
    const int arch = std::atoi(text.c_str());
    // 90a and 100f name features of one device (family), which no later one promises.
    const bool specific = !text.empty() && (text.back() < '0' || text.back() > '9');
    if (arch / 10 == major && (specific ? arch % 10 == minor : arch % 10 <= minor)) return true;
    if (i + 1 == architectures.size() && !specific && arch <= major * 10 + minor) return true;
  }
  return false;
}

#ifdef SER_CUDA

namespace {

std::string version_text(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

// The sentence for a machine on which the runtime counts no device.
std::string explain_none(cudaError_t status, const CudaReport& report) {
  if (report.driver == 0) return "no NVIDIA driver is installed here";
  if (report.driver < report.runtime) {
    return "the NVIDIA driver supports CUDA " + version_text(report.driver) + ", and this build needs CUDA " +
           version_text(report.runtime) + " or newer";
  }
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible != nullptr && (status == cudaErrorNoDevice || status == cudaSuccess)) {
    return "CUDA_VISIBLE_DEVICES is '" + std::string(visible) + "', which leaves no GPU";
  }
  if (status == cudaErrorNoDevice || status == cudaSuccess) return "the NVIDIA driver finds no GPU";
  return std::string("the CUDA runtime fails: ") + cudaGetErrorString(status);
}

CudaReport make_report() {
  CudaReport report;
  report.architectures = split(SER_CUDA_ARCHS);
  cudaRuntimeGetVersion(&report.runtime);
  cudaDriverGetVersion(&report.driver);
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  cudaGetLastError();  // kept for the next call otherwise
  if (status != cudaSuccess || count == 0) {
    report.problem = explain_none(status, report);
    return report;
  }
  std::string too_old;
  for (int index = 0; index < count; ++index) {
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) {
      cudaGetLastError();
      continue;
    }
    CudaDevice device;
    device.index = index;
    device.name = properties.name;
    device.major = properties.major;
    device.minor = properties.minor;
    device.memory = properties.totalGlobalMem;
    device.has_code = has_code_for(report.architectures, device.major, device.minor);
    if (device.has_code && !report.chosen) report.chosen = index;
    if (!device.has_code) {
      too_old += (too_old.empty() ? "" : "; ") + device.name + " has compute capability " + std::to_string(device.major) + "." +
                 std::to_string(device.minor);
    }
    report.devices.push_back(std::move(device));
  }
  if (!report.chosen) {
    report.problem = too_old.empty() ? "no GPU could be opened"
                                     : "this build has code for compute capability " + joined(report.architectures) +
                                           " (in tenths) and newer, and " + too_old;
  }
  return report;
}

}  // namespace

CudaReport cuda_report() noexcept {
  try {
    return make_report();
  } catch (...) {
    return {};  // no memory for a few strings: nothing better can be said
  }
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> cuda_memory(int device) noexcept {
  int before = 0;
  std::size_t free = 0, total = 0;
  if (cudaGetDevice(&before) != cudaSuccess) return std::nullopt;
  const bool known = cudaSetDevice(device) == cudaSuccess && cudaMemGetInfo(&free, &total) == cudaSuccess;
  cudaSetDevice(before);
  cudaGetLastError();
  if (!known) return std::nullopt;
  return std::pair<std::uint64_t, std::uint64_t>(free, total);
}

#else

CudaReport cuda_report() noexcept {
  CudaReport report;
  try {
    report.problem = "this build computes on the CPU only";
  } catch (...) {
  }
  return report;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> cuda_memory(int) noexcept { return std::nullopt; }

#endif

}  // namespace ser
