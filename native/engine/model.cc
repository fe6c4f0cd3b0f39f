#include "engine/model.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include "encoder/segment_ops.h"

namespace ser {

void check_config(const ModelConfig& config) {
  const auto fail = [](const std::string& what) { throw Error("E_ARGUMENT", "model: " + what); };
  if (config.classes < 1) fail("classes must be at least 1, got " + std::to_string(config.classes));
  if (config.embedding < 1) fail("embedding must be at least 1, got " + std::to_string(config.embedding));
  if (!(config.head_dropout >= 0 && config.head_dropout < 1))
    fail("headDropout must be in [0, 1), got " + std::to_string(config.head_dropout));
}

Model::Model(const ModelConfig& config, std::uint64_t seed, at::Device device) : config_(config), device_(device) {
  check_config(config);
  Initializer initializer(seed);
  encoder_ = make_mel_encoder(config.mel, parameters_, initializer);
  const std::int64_t width = encoder_->width();
  const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in, at::Tensor& weight, at::Tensor& bias) {
    weight = parameters_.add(name + ".weight", initializer.uniform({out, in}, in), true);
    bias = parameters_.add(name + ".bias", initializer.uniform({out}, in), false);
  };
  if (config.pooling == Pooling::flam) {
    flam_.heads = config.pooling_heads;
    if (flam_.heads < 1 || width % flam_.heads != 0) {
      throw Error("E_ARGUMENT", "model: poolingHeads (" + std::to_string(flam_.heads) + ") must divide the frame width " +
                                    std::to_string(width));
    }
    linear("pooling.input", 3 * width, width, flam_.input_weight, flam_.input_bias);
    linear("pooling.output", width, width, flam_.output_weight, flam_.output_bias);
    // v = 0 makes the first weights uniform: training starts from mean pooling.
    flam_.score = parameters_.add("pooling.score", initializer.zeros({width}), false);
  }
  linear("head.project", config.embedding, width, project_weight_, project_bias_);
  linear("head.classify", config.classes, config.embedding, classify_weight_, classify_bias_);
  parameters_.flatten(device);
}

at::Tensor Model::embed(const at::Tensor& pooled) const { return at::linear(pooled, project_weight_, project_bias_); }

ModelOutput Model::forward(const Waves& waves, const EncodeContext& context, bool contrast) const {
  const Frames frames = encoder_->forward(waves, context);
  const at::Tensor f = frames.values.to(at::kFloat);
  ModelOutput out;
  out.segments = frames.segments;
  at::Tensor pooled, contrast_pooled, projected;
  if (config_.pooling == Pooling::flam) projected = flam_projection(f, flam_).to(at::kFloat);
  // From here on tensors are small and feed softmaxes and losses: all of it in float32, whatever the precision.
  const c10::impl::ExcludeDispatchKeyGuard full_precision(c10::autocast_dispatch_keyset);
  if (config_.pooling == Pooling::flam) {
    const FlamOutput flam_out = flam(f, projected, flam_, frames.segments);
    pooled = flam_out.pooled;
    out.weights = flam_out.weights;
    if (contrast) contrast_pooled = flam(f, projected, flam_, frames.segments, /*broadcast=*/true).pooled;
  } else if (config_.pooling == Pooling::mean) {
    pooled = segment_mean(f, frames.segments);
    out.weights = segment_softmax(at::zeros({f.size(0)}, f.options()), frames.segments);
    contrast_pooled = pooled;  // the mean of (F + mean F) / 2 is the mean of F
  } else {
    pooled = segment_max(f, frames.segments);
    if (contrast) contrast_pooled = segment_max(segment_broadcast_mean(f, frames.segments), frames.segments);
  }
  const double p = context.training ? config_.head_dropout : 0.0;
  const SegmentsPtr rows = make_segments(std::vector<std::int64_t>(waves.lengths.size(), 1), waves.keys);
  out.embedding = embed(dropout(pooled, p, context.key(kHeadSite), rows)).to(at::kFloat);
  out.logits = at::linear(out.embedding, classify_weight_, classify_bias_).to(at::kFloat);
  if (contrast) out.contrast = embed(contrast_pooled).to(at::kFloat);
  return out;
}

PrecisionScope::PrecisionScope(Precision precision, at::DeviceType device)
    : device_(device), active_(precision == Precision::bf16) {
  if (!active_) return;
  was_enabled_ = at::autocast::is_autocast_enabled(device);
  at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::set_autocast_enabled(device, true);
  at::autocast::increment_nesting();
}

PrecisionScope::~PrecisionScope() {
  if (!active_) return;
  // Cached bf16 copies of the weights must not outlive the step that changes them.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_enabled_);
}

}  // namespace ser
