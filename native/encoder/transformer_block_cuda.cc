// The block on a CUDA device: what lies between two products of matrices is one pass over memory.
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

#include <tuple>

#include "encoder/fused.h"
#include "encoder/segment_attention.h"
#include "encoder/segment_conv.h"
#include "encoder/transformer_block.h"

namespace ser {

at::Tensor TransformerBlock::forward_fused(const at::Tensor& input, const SegmentsPtr& segments,
                                           const EncodeContext& context) const {
  const double p = context.training ? dropout_ : 0.0;
  const auto noise = [&](std::uint32_t place) {
    RowDropout out{p, context.key(site_ + place), segments};
    out.key.shared = true;
    return out;
  };
  const auto norm = [](const Norm& of) { return NormWeights1d{of.weight, of.bias, 1e-5}; };
  const at::Tensor a = fused_norm(input, norm(attention_norm_), product_type(input));
  const at::Tensor qkv = at::linear(a, qkv_.weight, qkv_.bias);
  const at::Tensor attended = at::linear(segment_attention(qkv, heads_, segments), out_.weight);
  auto [x, b] = dropout_add_norm(attended, out_.bias, input, noise(0), norm(convolves_ ? conv_norm_ : feed_norm_));
  if (convolves_) {
    const at::Tensor local = segment_depthwise_conv(b, depthwise_.weight, depthwise_.bias, segments);
    std::tie(x, b) =
        dropout_add_norm(at::linear(at::gelu(local), pointwise_.weight), pointwise_.bias, x, noise(1), norm(feed_norm_));
  }
  const at::Tensor hidden = bias_gelu(at::linear(b, expand_.weight), expand_.bias, noise(2));
  const RowDropout last = noise(3);
  return dropout_add(at::linear(hidden, contract_.weight, contract_.bias), x, 1, p, last.key, segments);
}

}  // namespace ser
