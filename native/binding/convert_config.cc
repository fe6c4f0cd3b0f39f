#include "convert.h"

namespace ser::binding {
namespace {

// Far above any model that fits in memory, and low enough that products of a few of them stay within 64 bits.
constexpr std::int64_t kMaxWidth = 1 << 16;
constexpr std::int64_t kMaxLayers = 1 << 10;

void check_divides(const Argument& divisor, std::int64_t value, std::int64_t whole, const char* whole_name) {
  if (whole % value != 0) divisor.fail("a divisor of " + std::string(whole_name) + " = " + std::to_string(whole));
}

MelEncoderConfig to_mel_encoder_config(const Argument& encoder) {
  MelEncoderConfig mel;
  mel.bands = encoder.field("bands").integer(8, 256);
  if (const Argument mean = encoder.field("mean"); !mean.absent()) mel.mean = mean.finite();
  if (const Argument deviation = encoder.field("deviation"); !deviation.absent()) mel.deviation = deviation.positive();
  mel.conv_channels = encoder.field("convChannels").integer(1, kMaxWidth);
  if (const Argument layers = encoder.field("convLayers"); !layers.absent()) mel.conv_layers = layers.integer(1, 4);
  mel.width = encoder.field("width").integer(1, kMaxWidth);
  mel.layers = encoder.field("layers").integer(0, kMaxLayers);
  const Argument heads = encoder.field("heads");
  mel.heads = heads.integer(1, kMaxWidth);
  check_divides(heads, mel.heads, mel.width, "width");
  mel.feed_forward = encoder.field("feedForward").integer(1, kMaxWidth);
  mel.block = encoder.field("block").one_of<Block>({{"transformer", Block::transformer}, {"conformer", Block::conformer}});
  const Argument kernel = encoder.field("convKernel");
  mel.conv_kernel = kernel.integer(1, kMaxLayers);
  if (mel.block == Block::conformer && mel.conv_kernel % 2 == 0) kernel.fail("odd");
  mel.dropout = encoder.field("dropout").fraction();
  return mel;
}

WhisperEncoderConfig to_whisper_encoder_config(const Argument& encoder) {
  WhisperEncoderConfig whisper;
  whisper.bands = encoder.field("bands").integer(8, 256);
  whisper.width = encoder.field("width").integer(1, kMaxWidth);
  whisper.layers = encoder.field("layers").integer(1, kMaxLayers);
  const Argument heads = encoder.field("heads");
  whisper.heads = heads.integer(1, kMaxWidth);
  check_divides(heads, whisper.heads, whisper.width, "width");
  whisper.feed_forward = encoder.field("feedForward").integer(1, kMaxWidth);
  whisper.positions = encoder.field("positions").integer(1, kMaxWidth);
  whisper.window30 = encoder.field("window30").flag();
  whisper.dropout = encoder.field("dropout").fraction();
  whisper.attention_dropout = encoder.field("attentionDropout").fraction();
  whisper.activation_dropout = encoder.field("activationDropout").fraction();
  whisper.layer_drop = encoder.field("layerDrop").fraction();
  return whisper;
}

std::vector<std::int64_t> to_sizes(const Argument& list, std::size_t count) {
  const std::uint32_t length = list.array_length("an array of integers");
  if (count != 0 && length != count) list.fail("of " + std::to_string(count) + " numbers", std::to_string(length));
  if (length == 0 || length > 64) list.fail("of 1 to 64 numbers", std::to_string(length));
  std::vector<std::int64_t> sizes;
  for (std::uint32_t i = 0; i < length; ++i) sizes.push_back(list.element(i).integer(1, kMaxWidth));
  return sizes;
}

SpecAugmentConfig to_spec_augment_config(const Argument& augment) {
  SpecAugmentConfig result;
  result.time_prob = augment.field("timeProb").fraction();
  result.time_length = augment.field("timeLength").integer(1, kMaxWidth);
  result.time_min = augment.field("timeMin").integer(0, kMaxWidth);
  result.feature_prob = augment.field("featureProb").fraction();
  result.feature_length = augment.field("featureLength").integer(1, kMaxWidth);
  result.feature_min = augment.field("featureMin").integer(0, kMaxWidth);
  return result;
}

SslEncoderConfig to_ssl_encoder_config(const Argument& encoder) {
  SslEncoderConfig ssl;
  ssl.family = encoder.field("family").one_of<SslFamily>(
      {{"wav2vec2", SslFamily::wav2vec2}, {"hubert", SslFamily::hubert}, {"wavlm", SslFamily::wavlm}});
  ssl.conv_channels = to_sizes(encoder.field("convChannels"), 0);
  ssl.conv_kernels = to_sizes(encoder.field("convKernels"), ssl.conv_channels.size());
  ssl.conv_strides = to_sizes(encoder.field("convStrides"), ssl.conv_channels.size());
  ssl.conv_bias = encoder.field("convBias").flag();
  ssl.group_norm = encoder.field("groupNorm").flag();
  ssl.project_norm = encoder.field("projectNorm").flag();
  ssl.width = encoder.field("width").integer(1, kMaxWidth);
  ssl.layers = encoder.field("layers").integer(1, kMaxLayers);
  const Argument heads = encoder.field("heads");
  ssl.heads = heads.integer(1, kMaxWidth);
  check_divides(heads, ssl.heads, ssl.width, "width");
  ssl.feed_forward = encoder.field("feedForward").integer(1, kMaxWidth);
  ssl.pre_norm = encoder.field("preNorm").flag();
  ssl.norm_epsilon = encoder.field("normEpsilon").positive();
  ssl.position_kernel = encoder.field("positionKernel").integer(1, kMaxWidth);
  const Argument groups = encoder.field("positionGroups");
  ssl.position_groups = groups.integer(1, kMaxWidth);
  check_divides(groups, ssl.position_groups, ssl.width, "width");
  ssl.buckets = encoder.field("buckets").integer(2, kMaxWidth);
  ssl.max_distance = encoder.field("maxDistance").integer(2, kMaxWidth);
  ssl.normalize = encoder.field("normalize").flag();
  ssl.hidden_dropout = encoder.field("hiddenDropout").fraction();
  ssl.attention_dropout = encoder.field("attentionDropout").fraction();
  ssl.activation_dropout = encoder.field("activationDropout").fraction();
  ssl.projection_dropout = encoder.field("projectionDropout").fraction();
  ssl.layer_drop = encoder.field("layerDrop").fraction();
  if (const Argument augment = encoder.field("specAugment"); !augment.absent())
    ssl.spec_augment = to_spec_augment_config(augment);
  return ssl;
}

AdaptConfig to_adapt_config(const Argument& adapt) {
  AdaptConfig result;
  result.trainable_layers = adapt.field("trainableLayers").integer(-1, kMaxLayers);
  result.train_extractor = adapt.field("trainExtractor").flag();
  const auto share = [](const Argument& argument) {
    const double value = argument.positive();
    if (value > 1) argument.fail("in (0, 1]");
    return value;
  };
  if (const Argument rate = adapt.field("rate"); !rate.absent()) result.rate = share(rate);
  result.layer_decay = share(adapt.field("layerDecay"));
  result.layer_sum = adapt.field("layerSum").flag();
  result.lora_rank = adapt.field("loraRank").integer(0, kMaxLayers);
  result.lora_alpha = adapt.field("loraAlpha").positive();
  result.lora_dropout = adapt.field("loraDropout").fraction();
  result.checkpoint_activations = adapt.field("checkpointActivations").flag();
  return result;
}

std::int64_t width_of(const EncoderConfig& config) {
  if (config.kind == EncoderKind::mel) return config.mel.width;
  return config.kind == EncoderKind::whisper ? config.whisper.width : config.ssl.width;
}

void read_encoder(const Argument& encoder, EncoderConfig& result) {
  result.kind = encoder.field("kind").one_of<EncoderKind>(
      {{"mel", EncoderKind::mel}, {"whisper", EncoderKind::whisper}, {"ssl", EncoderKind::ssl}});
  if (result.kind == EncoderKind::mel) result.mel = to_mel_encoder_config(encoder);
  if (result.kind == EncoderKind::whisper) result.whisper = to_whisper_encoder_config(encoder);
  if (result.kind == EncoderKind::ssl) result.ssl = to_ssl_encoder_config(encoder);
}

}  // namespace

Precision to_precision(const Argument& precision) {
  return precision.one_of<Precision>({{"fp32", Precision::fp32}, {"bf16", Precision::bf16}});
}

EncoderConfig to_encoder_config(const Argument& encoder) {
  EncoderConfig result;
  read_encoder(encoder, result);
  if (result.kind == EncoderKind::mel) encoder.field("kind").fail("'whisper' or 'ssl': mel has no pretrained weights");
  return result;
}

StartOptions to_start_options(const Argument& options) {
  StartOptions result;
  result.threads = static_cast<int>(options.field("threads").integer(1, 1024));
  const Argument device = options.field("device");
  result.device = device.one_of<Device>({{"cpu", Device::cpu}, {"cuda", Device::cuda}});
  if (result.device == Device::cuda && !build_info().cuda) device.fail("'cpu': this addon is built without CUDA");
  result.deterministic = options.field("deterministic").flag();
  return result;
}

ModelConfig to_model_config(const Argument& config) {
  ModelConfig result;
  result.classes = config.field("classes").integer(2, kMaxWidth);
  read_encoder(config.field("encoder"), result);
  if (const Argument adapt = config.field("adapt"); !adapt.absent()) result.adapt = to_adapt_config(adapt);
  result.pooling =
      config.field("pooling").one_of<Pooling>({{"flam", Pooling::flam}, {"mean", Pooling::mean}, {"max", Pooling::max}});
  const Argument heads = config.field("poolingHeads");
  result.pooling_heads = heads.integer(1, kMaxWidth);
  if (result.pooling == Pooling::flam) check_divides(heads, result.pooling_heads, width_of(result), "encoder.width");
  result.embedding = config.field("embedding").integer(1, kMaxWidth);
  result.head_dropout = config.field("headDropout").fraction();
  return result;
}

LossWeights to_loss_weights(const Argument& weights) {
  LossWeights result;
  result.kl = weights.field("kl").non_negative();
  result.focal = weights.field("focal").non_negative();
  result.center = weights.field("center").non_negative();
  result.supcon = weights.field("supcon").non_negative();
  return result;
}

TrainerConfig to_trainer_config(const Argument& config) {
  TrainerConfig result;
  result.losses = to_loss_weights(config.field("losses"));
  result.gamma = config.field("gamma").non_negative();
  result.temperature = config.field("temperature").positive();
  result.weight_decay = config.field("weightDecay").non_negative();
  result.beta1 = config.field("beta1").fraction();
  result.beta2 = config.field("beta2").fraction();
  result.epsilon = config.field("epsilon").positive();
  result.clip = config.field("clip").non_negative();
  result.average_decay = config.field("averageDecay").fraction();
  result.seed = static_cast<std::uint64_t>(config.field("seed").integer(0));
  result.precision = to_precision(config.field("precision"));
  if (const Argument accumulate = config.field("accumulate"); !accumulate.absent()) {
    result.accumulate = accumulate.integer(1, kMaxWidth);
  }
  if (const Argument weights = config.field("classWeights"); !weights.absent()) {
    const std::uint32_t classes = weights.array_length("an array of numbers");
    for (std::uint32_t c = 0; c < classes; ++c) result.class_weights.push_back(weights.element(c).non_negative());
  }
  return result;
}

EncodeOptions to_encode_options(const Argument& options) {
  EncodeOptions result;
  if (options.absent()) return result;
  if (const Argument hidden = options.field("hiddenStates"); !hidden.absent()) result.hidden_states = hidden.flag();
  if (const Argument precision = options.field("precision"); !precision.absent()) result.precision = to_precision(precision);
  return result;
}

std::vector<std::string> to_paths(const Argument& list) {
  const std::uint32_t length = list.array_length("an array of paths");
  if (length == 0) list.fail("of at least one path", "an empty array");
  std::vector<std::string> paths;
  for (std::uint32_t i = 0; i < length; ++i) paths.push_back(list.element(i).path());
  return paths;
}

ForwardOptions to_forward_options(const Argument& options) {
  ForwardOptions result;
  if (options.absent()) return result;
  if (const Argument embedding = options.field("embedding"); !embedding.absent()) result.embedding = embedding.flag();
  if (const Argument weights = options.field("weights"); !weights.absent()) result.weights = weights.flag();
  if (const Argument precision = options.field("precision"); !precision.absent()) {
    result.precision = to_precision(precision);
  }
  return result;
}

Metadata to_metadata(const Argument& metadata) {
  Metadata result;
  for (auto& [key, value] : metadata.string_map()) result.emplace(key, std::move(value));
  return result;
}

}  // namespace ser::binding
