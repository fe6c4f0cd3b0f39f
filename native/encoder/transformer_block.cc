#include "encoder/transformer_block.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>

#include "encoder/fused.h"
#include "encoder/segment_attention.h"
#include "encoder/segment_conv.h"

namespace ser {

TransformerBlock::TransformerBlock(const MelEncoderConfig& config, const std::string& name, std::uint32_t site,
                                   ParameterSet& parameters, Initializer& initializer)
    : width_(config.width),
      heads_(config.heads),
      convolves_(config.block == Block::conformer),
      dropout_(config.dropout),
      site_(site) {
  const auto norm = [&](const std::string& part) {
    return Norm{parameters.add(name + part + ".weight", initializer.ones({width_}), false),
                parameters.add(name + part + ".bias", initializer.zeros({width_}), false)};
  };
  const auto linear = [&](const std::string& part, std::int64_t out, std::int64_t in) {
    at::Tensor weight = parameters.add(name + part + ".weight", initializer.uniform({out, in}, in), true);
    return Linear{weight, parameters.add(name + part + ".bias", initializer.uniform({out}, in), false)};
  };
  attention_norm_ = norm("attention_norm");
  qkv_ = linear("qkv", 3 * width_, width_);
  out_ = linear("attention_out", width_, width_);
  if (convolves_) {
    conv_norm_ = norm("conv_norm");
    depthwise_ = linear("depthwise", width_, config.conv_kernel);
    pointwise_ = linear("pointwise", width_, width_);
  }
  feed_norm_ = norm("feed_norm");
  expand_ = linear("expand", config.feed_forward, width_);
  contract_ = linear("contract", width_, config.feed_forward);
}

at::Tensor TransformerBlock::normalise(const at::Tensor& x, const Norm& norm) const {
  return at::layer_norm(x, {width_}, norm.weight, norm.bias, 1e-5);
}

at::Tensor TransformerBlock::forward(const at::Tensor& input, const SegmentsPtr& segments, const EncodeContext& context) const {
#ifdef SER_CUDA
  if (has_fused(input)) return forward_fused(input, segments, context);
#endif
  const double p = context.training ? dropout_ : 0.0;
  const auto key = [&](std::uint32_t place) {
    DropoutKey out = context.key(site_ + place);
    out.shared = true;
    return out;
  };
  at::Tensor x = input;
  const at::Tensor qkv = at::linear(normalise(x, attention_norm_), qkv_.weight, qkv_.bias);
  const at::Tensor attended = at::linear(segment_attention(qkv, heads_, segments), out_.weight, out_.bias);
  x = dropout_add(attended, x, 1, p, key(0), segments);
  if (convolves_) {
    const at::Tensor local = segment_depthwise_conv(normalise(x, conv_norm_), depthwise_.weight, depthwise_.bias, segments);
    x = dropout_add(at::linear(at::gelu(local), pointwise_.weight, pointwise_.bias), x, 1, p, key(1), segments);
  }
  const at::Tensor hidden = at::gelu(at::linear(normalise(x, feed_norm_), expand_.weight, expand_.bias));
  const at::Tensor fed = at::linear(dropout(hidden, p, key(2), segments), contract_.weight, contract_.bias);
  return dropout_add(fed, x, 1, p, key(3), segments);
}

}  // namespace ser
