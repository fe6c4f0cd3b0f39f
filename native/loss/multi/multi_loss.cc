#include "loss/multi/multi_loss.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

namespace ser {
namespace {

// Anchors a tile of SupCon; at most kTile x B similarities are alive at a time.
constexpr std::int64_t kTile = 512;
constexpr double kTinyNorm = 1e-12;

struct Term {
  at::Tensor raw, scaled;  // scalars, float64
};

// Gradients are of the weighted, scaled terms; a term of weight 0 contributes none.
struct Gradients {
  at::Tensor logits, embedding, contrast, centers;
};

at::Tensor zero_scalar(const at::Tensor& like) { return at::zeros({}, like.options().dtype(at::kDouble)); }

at::Tensor batch_mean(const at::Tensor& per_row) { return per_row.mean(at::IntArrayRef{0}, false, at::kDouble); }

double class_normaliser(std::int64_t classes) { return classes > 1 ? 1.0 / std::log(static_cast<double>(classes)) : 0.0; }

void classification_terms(const MultiLossInput& in, const MultiLossOptions& options, Term& kl, Term& focal, Gradients& grad) {
  const std::int64_t batch = in.logits.size(0);
  const double scale = class_normaliser(in.logits.size(1));
  const at::Tensor log_p = at::log_softmax(in.logits, 1);
  const at::Tensor p = log_p.exp();
  const at::Tensor& y = in.labels;
  const at::Tensor w = row_weights(in);
  const auto weighted = [&](const at::Tensor& rows) { return w.defined() ? rows * w : rows; };

  kl.raw = batch_mean(weighted(at::xlogy(y, y) - y * log_p).sum(1));
  kl.scaled = kl.raw * scale;

  // 1 - p by expm1, because 1 - exp(log p) loses every digit where the model is sure.
  const at::Tensor q = at::expm1(log_p).neg();
  const at::Tensor modulator = q.pow(options.gamma);
  focal.raw = batch_mean(weighted(y * modulator * log_p).sum(1).neg());
  focal.scaled = focal.raw * scale;

  grad.logits = at::zeros_like(in.logits);
  if (options.weights.kl != 0) {
    grad.logits.add_(weighted(p * y.sum(1, /*keepdim=*/true) - y), options.weights.kl * scale / static_cast<double>(batch));
  }
  if (options.weights.focal != 0) {
    // f_c = dL / d log p_c, then through log-softmax. The clamp keeps 0^(gamma - 1) * 0 from becoming NaN for gamma < 1.
    at::Tensor f = modulator.neg();
    if (options.gamma != 0) f = f + q.clamp_min(1e-30).pow(options.gamma - 1) * p * log_p * options.gamma;
    f = weighted(f * y);
    grad.logits.add_(f - p * f.sum(1, /*keepdim=*/true), options.weights.focal * scale / static_cast<double>(batch));
  }
}

void center_term(const MultiLossInput& in, const at::Tensor& classes, double weight, Term& term, Gradients& grad) {
  const std::int64_t batch = in.embedding.size(0);
  const at::Tensor difference = in.embedding - in.centers.index_select(0, classes);
  term.raw = batch_mean((difference * difference).sum(1));
  term.scaled = term.raw / (term.raw + 1);
  grad.centers = at::zeros_like(in.centers);
  if (weight == 0) {
    grad.embedding = at::zeros_like(in.embedding);
    return;
  }
  // d (L / (1 + L)) / d L = 1 / (1 + L)^2: the one denominator that has a gradient.
  const at::Tensor slope = (term.raw + 1).pow(-2) * (2 * weight / static_cast<double>(batch));
  grad.embedding = difference * slope.to(difference.scalar_type());
  // One-hot times matrix rather than index_add: deterministic on every device.
  const at::Tensor one_hot =
      at::zeros({batch, in.centers.size(0)}, in.embedding.options()).scatter_(1, classes.unsqueeze(1), 1);
  grad.centers = one_hot.t().matmul(grad.embedding).neg();
}

void supcon_term(const MultiLossInput& in, const at::Tensor& classes, const MultiLossOptions& options, Term& term,
                 Gradients& grad) {
  const std::int64_t batch = in.contrast.size(0);
  const at::Tensor norm = at::linalg_vector_norm(in.contrast, 2, at::IntArrayRef{1}, /*keepdim=*/true);
  const at::Tensor clamped = norm.clamp_min(kTinyNorm);
  const at::Tensor n = in.contrast / clamped;
  const double weight = batch > 2 ? options.weights.supcon / std::log(static_cast<double>(batch - 1)) : 0.0;

  const at::Tensor columns = at::arange(batch, classes.options());
  at::Tensor loss_sum = zero_scalar(n), anchors = zero_scalar(n);
  at::Tensor d_n = at::zeros_like(n);
  for (std::int64_t begin = 0; begin < batch; begin += kTile) {
    const std::int64_t size = std::min(kTile, batch - begin);
    const at::Tensor rows = n.narrow(0, begin, size);
    const at::Tensor self = columns.narrow(0, begin, size).unsqueeze(1).eq(columns);
    const at::Tensor positive = classes.narrow(0, begin, size).unsqueeze(1).eq(classes).logical_and_(self.logical_not());
    const at::Tensor count = positive.sum(1, /*keepdim=*/true).to(n.scalar_type());
    const at::Tensor is_anchor = count.gt(0).to(n.scalar_type());
    const at::Tensor share = positive.to(n.scalar_type()) / count.clamp_min(1);

    const at::Tensor similarity = rows.matmul(n.t()) / options.temperature;
    // A finite stand-in for minus infinity: a batch of one has no other column, and must give zeros instead of NaN.
    const at::Tensor others = similarity.masked_fill(self, -1e30);
    const at::Tensor log_q = others - at::logsumexp(others, at::IntArrayRef{1}, /*keepdim=*/true);
    loss_sum += (share * log_q.masked_fill(self, 0)).sum(at::kDouble).neg();
    anchors += is_anchor.sum(at::kDouble);
    if (weight != 0) {
      const at::Tensor d_similarity = (log_q.exp().masked_fill(self, 0) - share) * is_anchor;
      d_n.narrow(0, begin, size).add_(d_similarity.matmul(n));
      d_n.addmm_(d_similarity.t(), rows);
    }
  }
  const at::Tensor mean = anchors.clamp_min(1).reciprocal();
  term.raw = loss_sum * mean;
  term.scaled = batch > 2 ? term.raw / std::log(static_cast<double>(batch - 1)) : at::zeros_like(term.raw);
  if (weight == 0) {
    grad.contrast = at::zeros_like(in.contrast);
    return;
  }
  d_n = d_n * (mean * (weight / options.temperature)).to(n.scalar_type());
  // Through x / max(||x||, tiny): where the clamp is at work the norm has no gradient.
  const at::Tensor radial = (n * d_n).sum(1, /*keepdim=*/true) * norm.gt(kTinyNorm).to(n.scalar_type());
  grad.contrast = (d_n - n * radial) / clamped;
}

struct MultiLoss : torch::autograd::Function<MultiLoss> {
  static torch::autograd::tensor_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& logits,
                                              const at::Tensor& embedding, const std::optional<at::Tensor>& contrast,
                                              const at::Tensor& centers, const MultiLossInput& rest,
                                              const MultiLossOptions& options) {
    const MultiLossInput in{logits,  embedding,         contrast.value_or(at::Tensor()), rest.labels, rest.base_classes,
                            centers, rest.class_weights};
    const at::Tensor classes = dominant_classes(in.labels, in.base_classes);
    Term kl, focal, center, supcon{zero_scalar(logits), zero_scalar(logits)};
    Gradients grad;
    classification_terms(in, options, kl, focal, grad);
    center_term(in, classes, options.weights.center, center, grad);
    if (in.contrast.defined()) supcon_term(in, classes, options, supcon, grad);

    const at::Tensor components =
        at::stack({kl.raw, focal.raw, center.raw, supcon.raw, kl.scaled, focal.scaled, center.scaled, supcon.scaled});
    at::Tensor total = zero_scalar(logits);
    const std::pair<double, const at::Tensor*> weighted[] = {{options.weights.kl, &kl.scaled},
                                                             {options.weights.focal, &focal.scaled},
                                                             {options.weights.center, &center.scaled},
                                                             {options.weights.supcon, &supcon.scaled}};
    for (const auto& [weight, value] : weighted) {
      if (weight != 0) total += *value * weight;  // a term switched off cannot poison the total with 0 * inf
    }
    ctx->save_for_backward({grad.logits, grad.embedding, grad.contrast, grad.centers});
    ctx->mark_non_differentiable({components});
    // float32 callers read a float64 total: the sum of the terms is not the place to lose digits.
    return {total, components};
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list upstream) {
    torch::autograd::tensor_list out;
    for (const at::Tensor& gradient : ctx->get_saved_variables()) {
      out.push_back(gradient.defined() ? gradient * upstream[0].to(gradient.scalar_type()) : at::Tensor());
    }
    out.resize(6);
    return out;
  }
};

}  // namespace

at::Tensor dominant_classes(const at::Tensor& labels, const at::Tensor& base_classes) {
  const auto [largest, first] = labels.max(1);
  const at::Tensor base = base_classes.to(at::kLong);
  const at::Tensor own = labels.gather(1, base.unsqueeze(1)).squeeze(1);
  return at::where(own.ge(largest), base, first);
}

at::Tensor row_weights(const MultiLossInput& input) {
  return input.class_weights.defined() ? input.labels.matmul(input.class_weights).unsqueeze(1) : at::Tensor();
}

MultiLossOutput multi_loss(const MultiLossInput& input, const MultiLossOptions& options) {
#ifdef SER_CUDA
  if (auto fused = multi_loss_fused(input, options)) return *std::move(fused);
#endif
  const std::optional<at::Tensor> contrast = input.contrast.defined() ? std::optional(input.contrast) : std::nullopt;
  const auto out = MultiLoss::apply(input.logits, input.embedding, contrast, input.centers, input, options);
  return {out[0], out[1]};
}

}  // namespace ser
