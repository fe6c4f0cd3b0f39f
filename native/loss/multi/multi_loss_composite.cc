// The four losses as anyone would write them, differentiated by autograd: what multi_loss.cc is checked against.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>

#include "loss/multi/multi_loss.h"

namespace ser {

MultiLossOutput multi_loss_composite(const MultiLossInput& in, const MultiLossOptions& options) {
  const std::int64_t batch = in.logits.size(0), classes = in.logits.size(1);
  const at::Tensor log_p = at::log_softmax(in.logits, 1);
  const at::Tensor row = in.class_weights.defined() ? (in.labels * in.class_weights).sum(1, true) : at::ones_like(in.logits);
  const at::Tensor kl = (row * (at::xlogy(in.labels, in.labels) - in.labels * log_p)).sum() / batch;
  const at::Tensor focal = -(row * in.labels * (1 - log_p.exp()).pow(options.gamma) * log_p).sum() / batch;

  const at::Tensor k = dominant_classes(in.labels, in.base_classes);
  const at::Tensor center = (in.embedding - in.centers.index({k})).pow(2).sum() / batch;

  at::Tensor supcon = at::zeros({}, in.logits.options());
  if (in.contrast.defined() && batch > 1) {
    const at::Tensor n = in.contrast / at::linalg_vector_norm(in.contrast, 2, at::IntArrayRef{1}, true).clamp_min(1e-12);
    const at::Tensor similarity = n.matmul(n.t()) / options.temperature;
    std::vector<at::Tensor> anchors;
    for (std::int64_t i = 0; i < batch; ++i) {
      std::vector<std::int64_t> other, positive;
      for (std::int64_t j = 0; j < batch; ++j) {
        if (j == i) continue;
        other.push_back(j);
        if (k[j].item<std::int64_t>() == k[i].item<std::int64_t>()) positive.push_back(j);
      }
      if (positive.empty()) continue;
      const auto pick = [&](const std::vector<std::int64_t>& at) {
        return similarity[i].index({at::tensor(at, at::TensorOptions(at::kLong).device(similarity.device()))});
      };
      anchors.push_back(-(pick(positive) - at::logsumexp(pick(other), at::IntArrayRef{0})).mean());
    }
    if (!anchors.empty()) supcon = at::stack(anchors).mean();
  }

  const double by_classes = classes > 1 ? 1 / std::log(static_cast<double>(classes)) : 0;
  const double by_batch = batch > 2 ? 1 / std::log(static_cast<double>(batch - 1)) : 0;
  const at::Tensor scaled[] = {kl * by_classes, focal * by_classes, center / (1 + center), supcon * by_batch};
  const LossWeights& w = options.weights;
  const at::Tensor total = scaled[0] * w.kl + scaled[1] * w.focal + scaled[2] * w.center + scaled[3] * w.supcon;
  const at::Tensor components =
      at::stack({kl, focal, center, supcon, scaled[0], scaled[1], scaled[2], scaled[3]}).detach().to(at::kDouble);
  return {total, components};
}

}  // namespace ser
