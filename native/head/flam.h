// FLAM, frame-level attention pooling: H = F + MSA(F), w = softmax_T(H v), z = sum_t w_t H_t.
//
// Source: Wang et al., arXiv 2512.04551. Attention and softmax run within each utterance of a packed batch, so a padded frame
// does not exist and an utterance's result cannot depend on its batch mates.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "engine/segments.h"

namespace ser {

// D = width: input_weight 3D x D (rows of q, k, v in this order), input_bias 3D, output_weight D x D, output_bias D,
// score (v) D.
struct FlamWeights {
  at::Tensor input_weight, input_bias, output_weight, output_bias, score;
  std::int64_t heads = 1;
};

struct FlamOutput {
  at::Tensor pooled;   // z, B x D
  at::Tensor weights;  // w, sum(T)
};

// `frames` is sum(T) x D. With `broadcast`, F is replaced by its context-broadcast form (F + mean_t F) / 2 (Hyeon-Woo et al.
// 2022), which SupCon sees through the same weights (ours).
//
// H itself is never formed: the output projection is linear, so it is applied to the pooled attention (B rows instead of
// sum(T)), and to v for the scores. `projected` may carry frames * input_weight^T + input_bias, which both forms share.
FlamOutput flam(const at::Tensor& frames, const at::Tensor& projected, const FlamWeights& weights, const SegmentsPtr& segments,
                bool broadcast = false);

at::Tensor flam_projection(const at::Tensor& frames, const FlamWeights& weights);

// The same in plain loops over doubles, values only: the oracle. `frames` has rows of all utterances one after the other.
struct FlamReference {
  std::vector<double> pooled, weights;
};
FlamReference flam_reference(const std::vector<double>& frames, const std::vector<std::int64_t>& lengths, std::int64_t width,
                             std::int64_t heads, const std::vector<double>& input_weight, const std::vector<double>& input_bias,
                             const std::vector<double>& output_weight, const std::vector<double>& output_bias,
                             const std::vector<double>& score);

}  // namespace ser
