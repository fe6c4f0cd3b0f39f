#include "head/flam.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mv.h>

#include "encoder/segment_attention.h"
#include "encoder/segment_ops.h"
#ifdef SER_CUDA
#include "head/pooling_device.h"
#endif

namespace ser {
namespace {

struct Pooled {
  at::Tensor frames, attended, weights;
};

// Weights of F and of A, whose scores add up, and both sums under them.
Pooled pool(const at::Tensor& f, const at::Tensor& attended, const at::Tensor& score, const at::Tensor& through,
            const SegmentsPtr& segments) {
#ifdef SER_CUDA
  if (device_pool_takes(f, attended)) {
    const PooledFrames out = device_pool(f, attended, score, through, segments);
    return {out.frames, out.attended, out.weights};
  }
#endif
  const at::Tensor w = segment_softmax(at::mv(f, score) + at::mv(attended, through), segments);
  return {segment_weighted_sum(f, w, segments), segment_weighted_sum(attended, w, segments), w};
}

}  // namespace

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
  const Pooled sums = pool(f, attended, weights.score, through, segments);
  // The weights of an utterance sum to 1, so the bias passes through the sum unchanged.
  const at::Tensor pooled = sums.frames + at::linear(sums.attended, weights.output_weight, weights.output_bias);
  return {pooled, sums.weights};
}

}  // namespace ser
