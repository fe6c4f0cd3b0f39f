// wav2vec2 (Baevski et al. 2020), HuBERT (Hsu et al. 2021) and WavLM (Chen et al. 2022): strided convolutions over the waveform,
// a convolutional position code and transformer layers, over packed frames. Weights come from transformers' checkpoints.
#include <ATen/TensorOperators.h>
#include <ATen/ops/layer_norm.h>

#include <algorithm>
#include <string>

#include "encoder/pretrained/conv_extractor.h"
#include "encoder/pretrained/layer.h"
#include "encoder/pretrained/position_conv.h"
#include "encoder/pretrained/pretrained_encoder.h"
#include "encoder/pretrained/projection.h"
#include "encoder/pretrained/relative_attention.h"
#include "encoder/pretrained/spec_augment.h"
#include "encoder/segment_attention.h"

namespace ser {
namespace {

// SpecAugment takes two sites. A layer's own sites are followed by that of its attention weights.
constexpr std::uint32_t kProjectionSite = 0, kEntrySite = 1, kMaskSite = 2, kFirstLayerSite = 4;
constexpr std::uint32_t kLayerSites = TransformerLayer::kSites + 1;

void check(const SslEncoderConfig& config) {
  const auto fail = [](const std::string& what) { throw Error("E_ARGUMENT", "ssl encoder: " + what); };
  const std::size_t convs = config.conv_channels.size();
  if (convs < 2 || config.conv_kernels.size() != convs || config.conv_strides.size() != convs) {
    fail("conv_dim, conv_kernel and conv_stride must have the same number of values, at least 2, got " + std::to_string(convs) +
         ", " + std::to_string(config.conv_kernels.size()) + " and " + std::to_string(config.conv_strides.size()));
  }
  for (std::size_t i = 0; i < convs; ++i) {
    if (config.conv_channels[i] < 1 || config.conv_strides[i] < 1 || config.conv_kernels[i] < config.conv_strides[i]) {
      fail("convolution " + std::to_string(i) + " must have channels, a stride, and a kernel not smaller than the stride");
    }
  }
  if (config.width < 1 || config.heads < 1 || config.heads > 256 || config.width % config.heads != 0) {
    fail("heads (" + std::to_string(config.heads) + ") must be at most 256 and divide width (" + std::to_string(config.width) +
         ")");
  }
  if (config.layers < 1 || config.feed_forward < 1) fail("layers and feedForward must be positive");
  if (config.position_kernel < 2 || config.position_groups < 1 || config.width % config.position_groups != 0) {
    fail("position groups (" + std::to_string(config.position_groups) + ") must divide width (" + std::to_string(config.width) +
         "), and the position kernel must be at least 2");
  }
  if (config.family == SslFamily::wavlm && (config.buckets < 4 || config.max_distance <= config.buckets / 4)) {
    fail("there must be at least 4 buckets, and the largest distance must be over a quarter of them");
  }
  for (const auto& [name, p] :
       {std::pair("hidden_dropout", config.hidden_dropout), std::pair("attention_dropout", config.attention_dropout),
        std::pair("activation_dropout", config.activation_dropout), std::pair("feat_proj_dropout", config.projection_dropout),
        std::pair("layerdrop", config.layer_drop), std::pair("mask_time_prob", config.spec_augment.time_prob),
        std::pair("mask_feature_prob", config.spec_augment.feature_prob)}) {
    if (!(p >= 0 && p < 1)) fail(std::string(name) + " must be in [0, 1), got " + std::to_string(p));
  }
  if (config.spec_augment.time_length < 1 || config.spec_augment.feature_length < 1) {
    fail("mask_time_length and mask_feature_length must be positive");
  }
}

Placement place_extractor(const AdaptConfig& adapt, std::int64_t layers) {
  Placement placement = place_layer(adapt, -1, layers);
  placement.trained = placement.trained && adapt.train_extractor && adapt.trainable_layers < 0;
  return placement;
}

LayerConfig layer_config(const SslEncoderConfig& config, std::int64_t layer) {
  LayerConfig out;
  out.width = config.width;
  out.heads = config.heads;
  out.feed_forward = config.feed_forward;
  out.pre_norm = config.pre_norm;
  out.norm_epsilon = config.norm_epsilon;
  out.hidden_dropout = config.hidden_dropout;
  out.activation_dropout = config.activation_dropout;
  // transformers never drops WavLM's first layer, which owns the table of biases.
  out.layer_drop = config.family == SslFamily::wavlm && layer == 0 ? 0 : config.layer_drop;
  return out;
}

class SslEncoder final : public PretrainedEncoder {
 public:
  SslEncoder(const SslEncoderConfig& config, const AdaptConfig& adapt, ParameterSet& parameters, Initializer& initializer)
      : config_(config), extractor_(config, place_extractor(adapt, config.layers), parameters, initializer) {
    const std::int64_t width = config.width, layers = config.layers, channels = config.conv_channels.back();
    const Placement front = place_layer(adapt, -1, layers);
    const auto norm = [&](const std::string& name, std::int64_t size, Placement place) {
      return Norm{parameters.add(name + ".weight", initializer.ones({size}), false, place),
                  parameters.add(name + ".bias", initializer.zeros({size}), false, place)};
    };
    if (config.project_norm) project_norm_ = norm("encoder.project_norm", channels, front);
    const at::Tensor weight = parameters.add("encoder.project.weight", initializer.zeros({width, channels}), true, front);
    project_ = Projection(weight, parameters.add("encoder.project.bias", initializer.zeros({width}), false, front));
    if (masks()) mask_embedding_ = parameters.add("encoder.mask_embedding", initializer.zeros({width}), false, front);
    const std::int64_t taps = config.position_kernel;
    position_.gain = parameters.add("encoder.position.weight_g", initializer.ones({1, 1, taps}), false, front);
    position_.direction = parameters.add("encoder.position.weight_v",
                                         initializer.ones({width, width / config.position_groups, taps}), true, front);
    position_.bias = parameters.add("encoder.position.bias", initializer.zeros({width}), false, front);
    // Before the layers or after them.
    norm_ = norm("encoder.norm", width, config.pre_norm ? place_layer(adapt, layers, layers) : front);
    if (relative()) {
      table_ = parameters.add("encoder.relative_embedding", initializer.zeros({config.buckets, config.heads}), false,
                              place_layer(adapt, 0, layers));
    }
    // The layers' addresses must stay: backward passes that recompute a layer keep them.
    layers_.reserve(static_cast<std::size_t>(layers));
    for (std::int64_t i = 0; i < layers; ++i) {
      const std::string name = "encoder.layers." + std::to_string(i) + ".";
      const Placement place = place_layer(adapt, i, layers);
      layers_.emplace_back(layer_config(config, i), adapt, place, name, layer_site(i), parameters, initializer);
      if (!relative()) continue;
      RelativeGate gate;
      gate.constant = parameters.add(name + "relative.constant", initializer.ones({config.heads}), false, place);
      gate.weight = parameters.add(name + "relative.weight", initializer.zeros({8, width / config.heads}), true, place);
      gate.bias = parameters.add(name + "relative.bias", initializer.zeros({8}), false, place);
      gates_.push_back(std::move(gate));
    }
    add_layer_mix(adapt, layers, parameters, initializer);
  }

  std::int64_t width() const override { return config_.width; }

  HiddenStates hidden(const Waves& waves, const EncodeContext& context, bool all_states) const override {
    const SegmentsPtr segments = make_frames(waves, context);
    const auto share = [&](double p) { return context.training ? p : 0.0; };
    at::Tensor x = extractor_.forward(waves);
    if (project_norm_.weight.defined()) x = normalise(x.to(project_norm_.weight.scalar_type()), project_norm_);
    x = project_.forward(x, segments, context.training, {}).to(project_.weight().scalar_type());
    x = dropout(x, share(config_.projection_dropout), context.key(kProjectionSite), segments);
    if (context.training && masks()) {
      x = spec_augment(x, mask_embedding_, config_.spec_augment, context.key(kMaskSite), segments);
    }
    x = position_conv(x, position_, segments);
    if (!config_.pre_norm) x = normalise(x, norm_);
    x = dropout(x, share(config_.hidden_dropout), context.key(kEntrySite), segments);

    HiddenStates out;
    out.segments = segments;
    if (all_states) out.states.push_back(x);
    const at::Tensor table = relative() ? relative_table(table_, segments->longest(), config_.max_distance) : at::Tensor();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      AttentionOptions options;
      options.dropout = share(config_.attention_dropout);
      options.key = context.key(layer_site(static_cast<std::int64_t>(i)) + TransformerLayer::kSites);
      options.table = table;
      const RelativeGate gate = relative() ? gates_[i] : RelativeGate();
      const auto attend = [heads = config_.heads, segments, options, gate](const at::Tensor& qkv, const at::Tensor& input) {
        if (!options.table.defined()) return segment_attention(qkv, heads, segments, options);
        AttentionOptions with_gate = options;
        with_gate.gate = relative_gate(input, gate);
        return segment_attention(qkv, heads, segments, with_gate);
      };
      std::vector<at::Tensor> inputs;
      if (relative()) inputs = {table, gate.weight, gate.bias, gate.constant};
      x = layers_[i].forward(x, segments, context, attend, inputs);
      if (all_states) out.states.push_back(x);
    }
    out.last = config_.pre_norm ? normalise(x, norm_) : x;
    return out;
  }

  std::vector<CheckpointTarget> targets(bool merged) const override {
    std::vector<CheckpointTarget> out;
    const auto pair = [&](const std::string& name, const at::Tensor& weight, const at::Tensor& bias) {
      out.push_back({name + ".weight", weight.detach(), {}});
      out.push_back({name + ".bias", bias.detach(), {}});
    };
    if (masks()) out.push_back({"masked_spec_embed", mask_embedding_.detach(), {}});
    extractor_.append_targets(out);
    if (project_norm_.weight.defined()) pair("feature_projection.layer_norm", project_norm_.weight, project_norm_.bias);
    pair("feature_projection.projection", project_.weight(), project_.bias());
    const std::string conv = "encoder.pos_conv_embed.conv.";
    out.push_back({conv + "bias", position_.bias.detach(), {}});
    // The older spelling of weight norm is what transformers writes, the newer is that of its models in memory.
    out.push_back({conv + "weight_g", position_.gain.detach(), {conv + "parametrizations.weight.original0"}});
    out.push_back({conv + "weight_v", position_.direction.detach(), {conv + "parametrizations.weight.original1"}});
    pair("encoder.layer_norm", norm_.weight, norm_.bias);
    if (relative()) out.push_back({"encoder.layers.0.attention.rel_attn_embed.weight", table_.detach(), {}});
    const LayerNames names{.query = "attention.q_proj",
                           .key = "attention.k_proj",
                           .value = "attention.v_proj",
                           .out = "attention.out_proj",
                           .attention_norm = "layer_norm",
                           .feed_norm = "final_layer_norm",
                           .expand = "feed_forward.intermediate_dense",
                           .contract = "feed_forward.output_dense"};
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const std::string prefix = "encoder.layers." + std::to_string(i) + ".";
      layers_[i].append_targets(names, prefix, merged, out);
      if (!relative()) continue;
      out.push_back({prefix + "attention.gru_rel_pos_const", gates_[i].constant.detach().view({1, -1, 1, 1}), {}});
      pair(prefix + "attention.gru_rel_pos_linear", gates_[i].weight, gates_[i].bias);
    }
    return out;
  }

  std::vector<std::string> ignored_tensors() const override {
    // Heads of transformers' classes, and what pretraining predicted with.
    std::vector<std::string> out{"lm_head.",
                                 "projector.",
                                 "classifier.",
                                 "layer_weights",
                                 "tdnn.",
                                 "objective.",
                                 "quantizer.",
                                 "project_hid.",
                                 "project_q.",
                                 "final_proj.",
                                 "label_embs_concat",
                                 "feature_extractor.weight",
                                 "feature_extractor.bias"};
    if (!masks()) out.emplace_back("masked_spec_embed");
    return out;
  }

 private:
  struct Norm {
    at::Tensor weight, bias;
  };

  static std::uint32_t layer_site(std::int64_t layer) {
    return kFirstLayerSite + static_cast<std::uint32_t>(layer) * kLayerSites;
  }
  bool relative() const { return config_.family == SslFamily::wavlm; }
  // transformers' models have an embedding of masked frames under the same condition.
  bool masks() const { return config_.spec_augment.time_prob > 0 || config_.spec_augment.feature_prob > 0; }

  at::Tensor normalise(const at::Tensor& x, const Norm& norm) const {
    return at::layer_norm(x, {x.size(1)}, norm.weight, norm.bias, config_.norm_epsilon);
  }

  SegmentsPtr make_frames(const Waves& waves, const EncodeContext& context) const {
    const AugmentRows* augment = context.augment;
    if (augment != nullptr &&
        !(augment->warp.empty() && augment->tempo.empty() && augment->time_masks.empty() && augment->band_masks.empty())) {
      throw Error("E_ARGUMENT",
                  "ssl encoder: there is no spectrogram to warp, stretch or mask; its configuration masks frames");
    }
    std::vector<std::int64_t> frames;
    for (std::size_t b = 0; b < waves.lengths.size(); ++b) {
      frames.push_back(extractor_.frames(waves.lengths[b]));
      if (frames.back() > 0) continue;
      throw Error("E_ARGUMENT", "utterance " + std::to_string(b) + " must have at least " +
                                    std::to_string(extractor_.receptive_field()) + " samples (25 ms), got " +
                                    std::to_string(waves.lengths[b]));
    }
    return make_segments(frames, waves.keys);
  }

  SslEncoderConfig config_;
  ConvExtractor extractor_;
  Norm project_norm_, norm_;
  Projection project_;
  at::Tensor mask_embedding_, table_;
  PositionConv position_;
  std::vector<TransformerLayer> layers_;
  std::vector<RelativeGate> gates_;
};

}  // namespace

std::unique_ptr<PretrainedEncoder> make_ssl_encoder(const SslEncoderConfig& config, const AdaptConfig& adapt,
                                                    ParameterSet& parameters, Initializer& initializer) {
  check(config);
  return std::make_unique<SslEncoder>(config, adapt, parameters, initializer);
}

}  // namespace ser
