// A layer on a CUDA device: two norms, two dropouts, GELU and three biases are four passes over memory.
#include "encoder/fused.h"
#include "encoder/pretrained/layer.h"
#include "encoder/pretrained/layer_sites.h"

namespace ser {

at::Tensor TransformerLayer::run_fused(const at::Tensor& input, const SegmentsPtr& segments, const EncodeContext& context,
                                       const Attend& attend) const {
  const auto key = [&](LayerSite site) { return context.key(site_ + site); };
  const auto noise = [&](double p, LayerSite site) { return RowDropout{context.training ? p : 0.0, key(site), segments}; };
  const auto norm = [&](const Norm& of) { return NormWeights1d{of.weight, of.bias, config_.norm_epsilon}; };
  const bool training = context.training && (!trained_.empty() || input.requires_grad());
  const RowDropout after_attention = noise(config_.hidden_dropout, kAfterAttention),
                   inside = noise(config_.activation_dropout, kInsideFeed),
                   after_feed = noise(config_.hidden_dropout, kAfterFeed);

  const at::Tensor a = config_.pre_norm ? fused_norm(input, norm(attention_norm_), product_type(input)) : input;
  const at::Tensor attended = attend(qkv_.forward(a, segments, training, key(kQkvAdapter)), a);
  const at::Tensor projected = out_.forward(attended, segments, training, key(kOutAdapter), /*adds_bias=*/false);
  const auto feed = [&](const at::Tensor& x, bool adds_bias) {
    const at::Tensor wide = expand_.forward(x, segments, training, {}, /*adds_bias=*/false);
    return contract_.forward(bias_gelu(wide, expand_.bias(), inside), segments, training, {}, adds_bias);
  };
  if (config_.pre_norm) {
    const auto [x, b] = dropout_add_norm(projected, out_.bias(), input, after_attention, norm(feed_norm_));
    // No norm follows here, so the bias stays with the product.
    return dropout_add(feed(b, true), x, 1, after_feed.p, after_feed.key, segments);
  }
  const at::Tensor x = dropout_add_post_norm(projected, out_.bias(), input, after_attention, norm(attention_norm_));
  return dropout_add_post_norm(feed(x, false), contract_.bias(), x, after_feed, norm(feed_norm_));
}

}  // namespace ser
