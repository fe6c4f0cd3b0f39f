#include "head/flam.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mv.h>

#include "encoder/segment_attention.h"
#include "encoder/segment_ops.h"

namespace ser {

at::Tensor flam_projection(const at::Tensor& frames, const FlamWeights& weights) {
  return at::linear(frames, weights.input_weight, weights.input_bias);
}

FlamOutput flam(const at::Tensor& frames, const at::Tensor& projected, const FlamWeights& weights, const SegmentsPtr& segments,
                bool broadcast) {
  // The projection is affine and the broadcast keeps its constant part, so mixing after it equals mixing before it.
  const at::Tensor f = broadcast ? segment_broadcast_mean(frames, segments) : frames;
  const at::Tensor qkv = broadcast ? segment_broadcast_mean(projected, segments) : projected;
  const at::Tensor attended = segment_attention(qkv, weights.heads, segments);
  // H v = F v + (W_o a + b_o) v = F v + a (W_o^T v) + constant, and softmax does not see the constant.
  const at::Tensor through = at::matmul(weights.output_weight.t(), weights.score);
  const at::Tensor w = segment_softmax(at::mv(f, weights.score) + at::mv(attended, through), segments);
  // The weights of an utterance sum to 1, so the bias passes through the sum unchanged.
  const at::Tensor pooled = segment_weighted_sum(f, w, segments) +
                            at::linear(segment_weighted_sum(attended, w, segments), weights.output_weight, weights.output_bias);
  return {pooled, w};
}

}  // namespace ser
