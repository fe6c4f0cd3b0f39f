#include "engine/model.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include "encoder/pretrained/projection.h"
#include "encoder/segment_ops.h"
#include "weights/checkpoint.h"

namespace ser {
namespace {

std::unique_ptr<PretrainedEncoder> make_pretrained(const EncoderConfig& config, ParameterSet& parameters,
                                                   Initializer& initializer) {
  return config.kind == EncoderKind::whisper ? make_whisper_encoder(config.whisper, config.adapt, parameters, initializer)
                                             : make_ssl_encoder(config.ssl, config.adapt, parameters, initializer);
}

std::vector<std::string> fill(const PretrainedEncoder& encoder, const std::vector<std::string>& files) {
  static const std::vector<std::string> kPrefixes{"wavlm.", "hubert.", "wav2vec2.", "model.", ""};
  at::NoGradGuard no_grad;
  std::vector<std::string> unused =
      fill_targets(Checkpoint::open(files), encoder.checkpoint_targets(), encoder.ignored_tensors(), kPrefixes);
  drop_packed_weights();
  return unused;
}

}  // namespace

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
  if (config.kind == EncoderKind::mel) {
    encoder_ = make_mel_encoder(config.mel, parameters_, initializer);
  } else {
    auto pretrained = make_pretrained(config, parameters_, initializer);
    pretrained_ = pretrained.get();
    encoder_ = std::move(pretrained);
    ready_ = false;
  }
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

std::vector<std::string> Model::load_pretrained(const std::vector<std::string>& files) {
  if (pretrained_ == nullptr) throw Error("E_ARGUMENT", "model: only a pretrained encoder takes a checkpoint's weights");
  std::vector<std::string> unused = fill(*pretrained_, files);
  ready_ = true;
  return unused;
}

void Model::take_weights(const Model& base) {
  const auto& from = base.parameters_.all();
  const auto& to = parameters_.all();
  bool same = from.size() == to.size();
  for (std::size_t i = 0; same && i < to.size(); ++i) {
    same = from[i].name == to[i].name && from[i].tensor.sizes() == to[i].tensor.sizes() &&
           from[i].placement.trained == to[i].placement.trained;
  }
  if (!same) throw Error("E_SHAPE", "a model can only take the weights of a model of the same configuration");
  at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < to.size(); ++i) {
    at::Tensor tensor = to[i].tensor;
    if (to[i].placement.trained) {
      tensor.copy_(from[i].tensor);
    } else {
      tensor.set_data(from[i].tensor);
    }
  }
  at::Tensor buffers = parameters_.buffers();
  buffers.copy_(base.parameters_.buffers());
  ready_ = base.ready_;
  drop_packed_weights();
}

bool Model::whole_in_checkpoint() const {
  return pretrained_ == nullptr || (config_.adapt.trainable_layers != 0 && config_.adapt.lora_rank == 0);
}

NamedTensors Model::checkpoint_tensors() const { return parameters_.named("", /*trained_only=*/!whole_in_checkpoint()); }

void Model::load_checkpoint(const std::string& path) {
  if (!whole_in_checkpoint() && !ready_) {
    throw Error("E_ARGUMENT", "model: this checkpoint holds no encoder weights; load the pretrained encoder first");
  }
  copy_tensors(path, read_safetensors(path), checkpoint_tensors());
  drop_packed_weights();
  ready_ = true;
}

NamedTensors Model::encoder_tensors(const std::string& prefix) const {
  if (pretrained_ == nullptr) {
    throw Error("E_ARGUMENT",
                "model: only a pretrained encoder can be exported; transformers has no model for the mel encoder");
  }
  if (!ready_) throw Error("E_ARGUMENT", "model: the pretrained encoder has no weights yet; load them first");
  NamedTensors out = pretrained_->export_tensors();
  for (auto& [name, tensor] : out) name = prefix + name;
  return out;
}

at::Tensor Model::embed(const at::Tensor& pooled) const { return at::linear(pooled, project_weight_, project_bias_); }

Frames Model::encode(const Waves& waves, const EncodeContext& context) const {
  if (!ready_) throw Error("E_ARGUMENT", "model: the pretrained encoder has no weights yet; load them first");
  EncodeContext own = context;
  if (encoder_frozen()) own.training = false;
  return encoder_->forward(waves, own);
}

ModelOutput Model::forward(const Waves& waves, const EncodeContext& context, bool contrast) const {
  return forward(encode(waves, context), context, contrast);
}

ModelOutput Model::forward(const Frames& frames, const EncodeContext& context, bool contrast) const {
  if (frames.values.size(1) != frame_width()) {
    throw Error("E_SHAPE", "model: frames have width " + std::to_string(frames.values.size(1)) + ", the encoder gives " +
                               std::to_string(frame_width()));
  }
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
  const SegmentsPtr rows = make_segments(std::vector<std::int64_t>(frames.segments->keys.size(), 1), frames.segments->keys);
  out.embedding = embed(dropout(pooled, p, context.key(kHeadSite), rows)).to(at::kFloat);
  out.logits = at::linear(out.embedding, classify_weight_, classify_bias_).to(at::kFloat);
  if (contrast) out.contrast = embed(contrast_pooled).to(at::kFloat);
  return out;
}

LoneEncoder::LoneEncoder(const EncoderConfig& config, const std::vector<std::string>& files, at::Device device) {
  if (config.kind == EncoderKind::mel) throw Error("E_ARGUMENT", "the mel encoder has no pretrained weights to load");
  EncoderConfig frozen = config;
  frozen.adapt = AdaptConfig();
  Initializer initializer(0);
  encoder_ = make_pretrained(frozen, parameters_, initializer);
  parameters_.flatten(device);
  fill(*encoder_, files);
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
