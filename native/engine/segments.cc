#include "engine/segments.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace ser {

at::Tensor segment_offsets(const Segments& segments, at::Device device) {
  if (segments.on_device.defined() && segments.on_device.device() == device) return segments.on_device;
  const auto count = static_cast<std::int64_t>(segments.offsets.size());
  // From pinned memory the copy is queued; LibTorch's allocator of pinned memory keeps the block until it is through.
  at::Tensor host = at::empty({count}, at::TensorOptions(at::kLong).pinned_memory(device.is_cuda()));
  std::copy(segments.offsets.begin(), segments.offsets.end(), host.mutable_data_ptr<std::int64_t>());
  segments.on_device = device.is_cpu() ? host : host.to(device, /*non_blocking=*/true);
  return segments.on_device;
}

}  // namespace ser
