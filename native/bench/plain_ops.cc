#include "bench/plain_ops.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <limits>

#include "encoder/segment_ops.h"

namespace ser {

at::Tensor plain_multi_loss(const MultiLossInput& in, const MultiLossOptions& options) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::int64_t batch = in.logits.size(0), classes = in.logits.size(1);
  const at::Tensor log_p = at::log_softmax(in.logits, 1);
  const at::Tensor kl = (at::xlogy(in.labels, in.labels) - in.labels * log_p).sum() / batch;
  const at::Tensor focal = -(in.labels * (1 - log_p.exp()).pow(options.gamma) * log_p).sum() / batch;

  const at::Tensor k = dominant_classes(in.labels, in.base_classes);
  const at::Tensor center = (in.embedding - in.centers.index_select(0, k)).pow(2).sum() / batch;

  const at::Tensor n = in.contrast / at::linalg_vector_norm(in.contrast, 2, at::IntArrayRef{1}, true).clamp_min(1e-12);
  const at::Tensor similarity = n.matmul(n.t()) / options.temperature;
  const at::Tensor itself = at::eye(batch, in.logits.options().dtype(at::kBool));
  const at::Tensor positive = (k.unsqueeze(0) == k.unsqueeze(1)).logical_and(itself.logical_not());
  const at::Tensor log_ratio = similarity - at::logsumexp(similarity.masked_fill(itself, -kInfinity), at::IntArrayRef{1}, true);
  const at::Tensor pairs = positive.sum(1);
  const at::Tensor per_anchor = -(log_ratio * positive).sum(1) / pairs.clamp_min(1);
  const at::Tensor supcon = per_anchor.sum() / (pairs > 0).sum().clamp_min(1);

  const double by_classes = 1 / std::log(static_cast<double>(classes)), by_batch = 1 / std::log(static_cast<double>(batch - 1));
  const LossWeights& w = options.weights;
  return kl * (by_classes * w.kl) + focal * (by_classes * w.focal) + center / (1 + center) * w.center +
         supcon * (by_batch * w.supcon);
}

at::Tensor plain_flam(const at::Tensor& frames, const FlamWeights& weights, const SegmentsPtr& segments) {
  const at::Tensor f = segment_pad(frames, segments);
  const std::int64_t batch = f.size(0), longest = f.size(1), width = f.size(2), head = width / weights.heads;
  const at::Tensor mask = segment_mask(segments, f.device());
  const at::Tensor qkv = at::linear(f, weights.input_weight, weights.input_bias)
                             .view({batch, longest, 3, weights.heads, head})
                             .permute({2, 0, 3, 1, 4});
  const at::Tensor attended =
      at::scaled_dot_product_attention(qkv.select(0, 0), qkv.select(0, 1), qkv.select(0, 2), mask.view({batch, 1, 1, longest}));
  const at::Tensor h =
      f + at::linear(attended.transpose(1, 2).reshape({batch, longest, width}), weights.output_weight, weights.output_bias);
  const at::Tensor scores = at::matmul(h, weights.score.unsqueeze(1)).squeeze(2);
  const at::Tensor w = at::softmax(scores.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity()), 1);
  return (w.unsqueeze(2) * h).sum(1);
}

}  // namespace ser
