#include "encoder/segment_ops.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>

#include <limits>

#include "engine/upload.h"
#ifdef SER_CUDA
#include "encoder/segment_reduce_device.h"
#endif

namespace ser {
namespace {

// Index of each packed row in the flattened padded layout.
at::Tensor padded_index(const Segments& segments, at::Device device) {
  at::Tensor index = at::empty({segments.total()}, at::TensorOptions(at::kLong));
  auto* out = index.mutable_data_ptr<std::int64_t>();
  const std::int64_t longest = segments.longest();
  for (std::int64_t b = 0; b < segments.count(); ++b) {
    for (std::int64_t t = 0; t < segments.length(b); ++t) *out++ = b * longest + t;
  }
  return upload(index, device);
}

// B x sum(T) with 1 where a frame belongs to the utterance: sums over utterances become one matrix product, which is
// deterministic on every device and quick for the batches met here.
at::Tensor membership(const Segments& segments, const at::TensorOptions& options) {
  at::Tensor matrix = at::empty({segments.count(), segments.total()}, at::TensorOptions(at::kFloat)).zero_();
  auto* out = matrix.mutable_data_ptr<float>();
  for (std::int64_t b = 0; b < segments.count(); ++b) {
    std::fill(out + b * segments.total() + segments.offsets[b], out + b * segments.total() + segments.offsets[b + 1], 1.0f);
  }
  return upload(matrix, options);
}

at::Tensor lengths_of(const Segments& segments, const at::TensorOptions& options) {
  at::Tensor lengths = at::empty({segments.count()}, at::TensorOptions(at::kFloat));
  for (std::int64_t b = 0; b < segments.count(); ++b) {
    lengths.mutable_data_ptr<float>()[b] = static_cast<float>(segments.length(b));
  }
  return upload(lengths, options);
}

}  // namespace

at::Tensor segment_mean(const at::Tensor& x, const SegmentsPtr& segments) {
#ifdef SER_CUDA
  if (device_reduce_takes(x)) return device_segment_mean(x, segments);
#endif
  return membership(*segments, x.options()).matmul(x) / lengths_of(*segments, x.options()).unsqueeze(1);
}

at::Tensor segment_broadcast_mean(const at::Tensor& x, const SegmentsPtr& segments) {
#ifdef SER_CUDA
  if (device_reduce_takes(x)) return device_broadcast_mean(x, segments);
#endif
  const at::Tensor member = membership(*segments, x.options());
  return (x + member.t().matmul(segment_mean(x, segments))) * 0.5;
}

at::Tensor segment_weighted_sum(const at::Tensor& x, const at::Tensor& w, const SegmentsPtr& segments) {
  return (membership(*segments, x.options()) * w.unsqueeze(0)).matmul(x);
}

at::Tensor segment_softmax(const at::Tensor& scores, const SegmentsPtr& segments) {
  const at::Tensor mask = segment_mask(segments, scores.device());
  const at::Tensor padded =
      segment_pad(scores, segments).masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity());
  return segment_unpad(at::softmax(padded, 1), segments);
}

at::Tensor segment_max(const at::Tensor& x, const SegmentsPtr& segments) {
#ifdef SER_CUDA
  if (device_reduce_takes(x)) return device_segment_max(x, segments);
#endif
  std::vector<at::Tensor> rows;
  for (std::int64_t b = 0; b < segments->count(); ++b) {
    rows.push_back(std::get<0>(x.narrow(0, segments->offsets[b], segments->length(b)).max(0)));
  }
  return at::stack(rows);
}

at::Tensor segment_pad(const at::Tensor& x, const SegmentsPtr& segments) {
  const std::int64_t longest = segments->longest();
  std::vector<at::Tensor> rows;
  std::vector<std::int64_t> pad(2 * static_cast<std::size_t>(x.dim()), 0);
  for (std::int64_t b = 0; b < segments->count(); ++b) {
    pad.back() = longest - segments->length(b);
    rows.push_back(at::constant_pad_nd(x.narrow(0, segments->offsets[b], segments->length(b)), pad, 0));
  }
  return at::stack(rows);
}

at::Tensor segment_unpad(const at::Tensor& padded, const SegmentsPtr& segments) {
  return padded.flatten(0, 1).index_select(0, padded_index(*segments, padded.device()));
}

at::Tensor segment_mask(const SegmentsPtr& segments, at::Device device) {
  const std::int64_t longest = segments->longest();
  at::Tensor mask = at::empty({segments->count(), longest}, at::TensorOptions(at::kBool)).zero_();
  auto* out = mask.mutable_data_ptr<bool>();
  for (std::int64_t b = 0; b < segments->count(); ++b)
    std::fill(out + b * longest, out + b * longest + segments->length(b), true);
  return upload(mask, device);
}

}  // namespace ser
