#include "convert.h"

namespace ser::binding {
namespace {

// Far above any model that fits in memory, and low enough that products of a few of them stay within 64 bits.
constexpr std::int64_t kMaxWidth = 1 << 16;
constexpr std::int64_t kMaxLayers = 1 << 10;

Precision to_precision(const Argument& precision) {
  return precision.one_of<Precision>({{"fp32", Precision::fp32}, {"bf16", Precision::bf16}});
}

void check_divides(const Argument& divisor, std::int64_t value, std::int64_t whole, const char* whole_name) {
  if (whole % value != 0) divisor.fail("a divisor of " + std::string(whole_name) + " = " + std::to_string(whole));
}

MelEncoderConfig to_mel_encoder_config(const Argument& encoder) {
  enum class Kind { mel };
  encoder.field("kind").one_of<Kind>({{"mel", Kind::mel}});
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

}  // namespace

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
  result.mel = to_mel_encoder_config(config.field("encoder"));
  result.pooling =
      config.field("pooling").one_of<Pooling>({{"flam", Pooling::flam}, {"mean", Pooling::mean}, {"max", Pooling::max}});
  const Argument heads = config.field("poolingHeads");
  result.pooling_heads = heads.integer(1, kMaxWidth);
  if (result.pooling == Pooling::flam) check_divides(heads, result.pooling_heads, result.mel.width, "encoder.width");
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
  return result;
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
