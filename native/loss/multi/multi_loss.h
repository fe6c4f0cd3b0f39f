// The multi-loss of the method: KL, focal, center and supervised-contrastive (SupCon) terms over one batch.
//
// Source: Wang et al., arXiv 2512.04551; the normalisers, temperature and tie rule are ours (see docs/method.md):
//   KL      mean_i sum_c y_ic (log y_ic - log p_ic)                       scaled by 1 / ln C
//   focal   mean_i - sum_c y_ic (1 - p_ic)^gamma log p_ic                 scaled by 1 / ln C
//   center  mean_i ||e_i - c_{k_i}||^2                                    scaled as L / (1 + L)
//   SupCon  mean over anchors with a positive of the "out" form           scaled by 1 / ln(B - 1)
//           (Khosla et al. 2020) on L2-normalised embeddings
// With class weights v, row i of KL and focal counts w_i = sum_c y_ic v_c times (the mean still divides by B).
// k_i is the class of largest label; the base utterance's class wins a tie. A batch without a pair of one class has no
// SupCon anchor, one of fewer than three rows has no normaliser, and a single class has ln C = 0: the scaled term is 0 then.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "engine/engine.h"

namespace ser {

// Shapes: logits B x C, embedding B x E, contrast B x E (undefined = no SupCon term), labels B x C whose rows sum to 1,
// base_classes B (int64), centers C x E, class_weights C (undefined = ones). float32 or float64, all on one device.
struct MultiLossInput {
  at::Tensor logits, embedding, contrast, labels, base_classes, centers, class_weights;
};

struct MultiLossOptions {
  LossWeights weights;
  double gamma = 2;
  double temperature = 0.1;
};

// `total` is differentiable with respect to logits, embedding, contrast and centers. `components` (8, float64, no gradient):
// raw KL, focal, center, SupCon, then the same scaled.
struct MultiLossOutput {
  at::Tensor total, components;
};

// All input gradients are computed in the forward pass, analytically; the backward pass is one scaling by the upstream
// gradient. SupCon works on tiles of anchors, so a B x B matrix is never stored for a large B.
MultiLossOutput multi_loss(const MultiLossInput& input, const MultiLossOptions& options);

// multi_loss() as one kernel, for float32 on a CUDA device, at most 64 classes and 1024 columns; nothing for any other input.
// The sums of terms are taken in an order of their own, so values differ from the operations' in the last digits; a base class
// out of range counts as none. In the CUDA variant only.
std::optional<MultiLossOutput> multi_loss_fused(const MultiLossInput& input, const MultiLossOptions& options);

// The same as a plain composite of ATen operations under autograd: the oracle.
MultiLossOutput multi_loss_composite(const MultiLossInput& input, const MultiLossOptions& options);

// k_i: B, int64.
at::Tensor dominant_classes(const at::Tensor& labels, const at::Tensor& base_classes);

// w_i: B x 1; undefined where the input has no class weights.
at::Tensor row_weights(const MultiLossInput& input);

}  // namespace ser
