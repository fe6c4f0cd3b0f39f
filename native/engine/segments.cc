#include "engine/segments.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "engine/upload.h"

namespace ser {

namespace {

// Offsets, then keys.
const at::Tensor& table(const Segments& segments, at::Device device) {
  if (segments.on_device.defined() && segments.on_device.device() == device) return segments.on_device;
  const auto count = static_cast<std::int64_t>(segments.offsets.size() + segments.keys.size());
  at::Tensor host = at::empty({count}, staging(at::kLong, device));
  auto* out = std::copy(segments.offsets.begin(), segments.offsets.end(), host.mutable_data_ptr<std::int64_t>());
  std::copy(segments.keys.begin(), segments.keys.end(), out);
  segments.on_device = upload(host, device);
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
