// From the host to a device without waiting. A plain `.to(device)` of ordinary memory waits until the device has
// done all that was queued before it, which in a step means that nothing is queued any more.
#pragma once

#include <ATen/core/Tensor.h>

namespace ser {

// `host` on `device`: itself where that is the CPU. The copy is queued from pinned memory, which LibTorch's allocator keeps
// until it is through.
at::Tensor upload(const at::Tensor& host, at::Device device);

// The same in another type, converted on the host: what goes over the bus is what is needed there.
inline at::Tensor upload(const at::Tensor& host, const at::TensorOptions& options) {
  return upload(host.to(c10::typeMetaToScalarType(options.dtype())), options.device());
}

// For memory on the host that is filled for upload(): pinned where the device needs it, which saves a copy of a large tensor.
at::TensorOptions staging(at::ScalarType type, at::Device device);

}  // namespace ser
