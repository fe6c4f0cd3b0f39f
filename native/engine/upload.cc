#include "engine/upload.h"

namespace ser {

at::Tensor upload(const at::Tensor& host, at::Device device) {
  if (device.is_cpu()) return host;
  if (!device.is_cuda()) return host.to(device);
  return (host.is_pinned() ? host : host.pin_memory()).to(device, /*non_blocking=*/true);
}

at::TensorOptions staging(at::ScalarType type, at::Device device) {
  return at::TensorOptions(type).pinned_memory(device.is_cuda());
}

}  // namespace ser
