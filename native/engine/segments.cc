#include "engine/segments.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace ser {

namespace {

// Offsets, then keys.
const at::Tensor& table(const Segments& segments, at::Device device) {
  if (segments.on_device.defined() && segments.on_device.device() == device) return segments.on_device;
  const auto count = static_cast<std::int64_t>(segments.offsets.size() + segments.keys.size());
  // From pinned memory the copy is queued; LibTorch's allocator of pinned memory keeps the block until it is through.
  at::Tensor host = at::empty({count}, at::TensorOptions(at::kLong).pinned_memory(device.is_cuda()));
  auto* out = std::copy(segments.offsets.begin(), segments.offsets.end(), host.mutable_data_ptr<std::int64_t>());
  std::copy(segments.keys.begin(), segments.keys.end(), out);
  segments.on_device = device.is_cpu() ? host : host.to(device, /*non_blocking=*/true);
  return segments.on_device;
}

}  // namespace

at::Tensor segment_offsets(const Segments& segments, at::Device device) {
  return table(segments, device).narrow(0, 0, static_cast<std::int64_t>(segments.offsets.size()));
}

at::Tensor segment_keys(const Segments& segments, at::Device device) {
  return table(segments, device)
      .narrow(0, static_cast<std::int64_t>(segments.offsets.size()), static_cast<std::int64_t>(segments.keys.size()));
}

}  // namespace ser
