// How the utterances of a batch lie one after the other in a packed tensor.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <vector>

namespace ser {

// Rows [offsets[b], offsets[b + 1]) of a packed tensor belong to utterance b, whose counter-based noise is named by
// keys[b]. Held by intrusive pointer so that autograd functions can keep it for their backward pass.
struct Segments : torch::CustomClassHolder {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::uint32_t> keys;
  mutable at::Tensor on_device;  // what segment_offsets() and segment_keys() keep

  std::int64_t count() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  std::int64_t total() const { return offsets.back(); }
  std::int64_t length(std::int64_t b) const { return offsets[b + 1] - offsets[b]; }
  std::int64_t longest() const {
    std::int64_t most = 0;
    for (std::int64_t b = 0; b < count(); ++b) most = std::max(most, length(b));
    return most;
  }
};

using SegmentsPtr = c10::intrusive_ptr<Segments>;

// `keys` may be empty where no noise is drawn.
inline SegmentsPtr make_segments(const std::vector<std::int64_t>& lengths, std::vector<std::uint32_t> keys = {}) {
  auto segments = c10::make_intrusive<Segments>();
  for (const std::int64_t length : lengths) segments->offsets.push_back(segments->offsets.back() + length);
  segments->keys = std::move(keys);
  if (segments->keys.empty()) segments->keys.assign(lengths.size(), 0);
  return segments;
}

// `offsets` as int64 on `device`, for kernels. Copied once per batch and device, without waiting, on the current stream, and
// kept as long as the segments are: a captured graph that reads them must keep these segments. Segments are not to change
// after the first call.
at::Tensor segment_offsets(const Segments& segments, at::Device device);
// `keys` likewise, as int64.
at::Tensor segment_keys(const Segments& segments, at::Device device);

}  // namespace ser
