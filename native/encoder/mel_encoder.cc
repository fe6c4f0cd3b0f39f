// Log-mel spectrogram, strided convolutions, a convolutional position code and transformer (or conformer) blocks, trained
// from scratch. Only the convolutions see padding; from there on frames are packed.
#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>

#include <algorithm>
#include <string>

#include "encoder/encoder.h"
#include "encoder/mel_frontend.h"
#include "encoder/norm_relu.h"
#include "encoder/segment_conv.h"
#include "encoder/segment_ops.h"
#include "encoder/strided_conv.h"
#include "encoder/transformer_block.h"

namespace ser {
namespace {

constexpr std::int64_t kPositionKernel = 15;
// Convolutions that halve time and bands; later ones keep both. Channels double until then, too.
constexpr std::int64_t kHalvings = 3;

std::int64_t stride_of(std::int64_t layer) { return layer < kHalvings ? 2 : 1; }

void check(const MelEncoderConfig& config) {
  const auto fail = [](const std::string& what) { throw Error("E_ARGUMENT", "mel encoder: " + what); };
  if (config.bands < 8 || config.bands > 256) fail("bands must be in 8..256, got " + std::to_string(config.bands));
  if (!(config.deviation > 0)) fail("deviation must be positive, got " + std::to_string(config.deviation));
  if (config.conv_channels < 1) fail("convChannels must be positive, got " + std::to_string(config.conv_channels));
  if (config.conv_layers < 1 || config.conv_layers > 4)
    fail("convLayers must be in 1..4, got " + std::to_string(config.conv_layers));
  if (config.width < 1 || config.heads < 1 || config.width % config.heads != 0) {
    fail("heads (" + std::to_string(config.heads) + ") must divide width (" + std::to_string(config.width) + ")");
  }
  if (config.layers < 0 || config.feed_forward < 1) fail("layers must not be negative and feedForward must be positive");
  if (config.conv_kernel < 1 || config.conv_kernel % 2 == 0)
    fail("convKernel must be odd, got " + std::to_string(config.conv_kernel));
  if (!(config.dropout >= 0 && config.dropout < 1)) fail("dropout must be in [0, 1), got " + std::to_string(config.dropout));
}

class MelEncoder final : public Encoder {
 public:
  MelEncoder(const MelEncoderConfig& config, ParameterSet& parameters, Initializer& initializer)
      : config_(config), frontend_{config.bands, config.mean, config.deviation} {
    std::int64_t channels = 1, bands = config.bands;
    for (std::int64_t i = 0; i < config.conv_layers; ++i) {
      const std::string name = "encoder.conv." + std::to_string(i);
      const std::int64_t out = config.conv_channels << std::min(i, kHalvings - 1);
      conv_weight_.push_back(parameters.add(name + ".weight", initializer.uniform({out, channels, 3, 3}, channels * 9), true));
      conv_norm_.push_back({parameters.add(name + ".norm.weight", initializer.ones({out}), false),
                            parameters.add(name + ".norm.bias", initializer.zeros({out}), false),
                            parameters.add_buffer(name + ".norm.mean", initializer.zeros({out})),
                            parameters.add_buffer(name + ".norm.variance", initializer.ones({out}))});
      channels = out;
      bands = (bands - 1) / stride_of(i) + 1;
    }
    const std::int64_t in = channels * bands, width = config.width;
    project_weight_ = parameters.add("encoder.project.weight", initializer.uniform({width, in}, in), true);
    project_bias_ = parameters.add("encoder.project.bias", initializer.uniform({width}, in), false);
    project_norm_weight_ = parameters.add("encoder.project_norm.weight", initializer.ones({width}), false);
    project_norm_bias_ = parameters.add("encoder.project_norm.bias", initializer.zeros({width}), false);
    position_weight_ =
        parameters.add("encoder.position.weight", initializer.uniform({width, kPositionKernel}, kPositionKernel), true);
    position_bias_ = parameters.add("encoder.position.bias", initializer.uniform({width}, kPositionKernel), false);
    for (std::int64_t i = 0; i < config.layers; ++i) {
      blocks_.emplace_back(config, "encoder.blocks." + std::to_string(i) + ".",
                           1 + static_cast<std::uint32_t>(i) * TransformerBlock::kSites, parameters, initializer);
    }
    norm_weight_ = parameters.add("encoder.norm.weight", initializer.ones({width}), false);
    norm_bias_ = parameters.add("encoder.norm.bias", initializer.zeros({width}), false);
  }

  std::int64_t width() const override { return config_.width; }

  Frames forward(const Waves& waves, const EncodeContext& context) const override {
    MelBatch mel = mel_spectrogram(frontend_, waves, context.augment);
    // With one channel both memory formats describe the same bytes; saying channels-last keeps every convolution in it.
    const std::int64_t rows = mel.values.size(2), bands = mel.values.size(3);
    at::Tensor x = mel.values.as_strided(mel.values.sizes(), {rows * bands, 1, bands, 1});
    std::vector<std::int64_t> lengths = std::move(mel.frames);
    for (std::size_t i = 0; i < conv_weight_.size(); ++i) {
      const std::int64_t stride = stride_of(static_cast<std::int64_t>(i));
      x = strided_conv(x, conv_weight_[i], stride);
      for (std::int64_t& length : lengths) length = (length - 1) / stride + 1;
      x = norm_relu(x, conv_norm_[i], lengths, context.training);
    }
    // B x C x T x W to packed sum(T) x (W C): in channels-last memory the last two dimensions already lie together.
    const SegmentsPtr segments = make_segments(lengths, waves.keys);
    x = segment_unpad(x.permute({0, 2, 3, 1}).flatten(2), segments);
    x = at::linear(x, project_weight_, project_bias_);
    x = at::layer_norm(x, {config_.width}, project_norm_weight_, project_norm_bias_, 1e-5);
    x = x + at::gelu(segment_depthwise_conv(x, position_weight_, position_bias_, segments));
    DropoutKey key = context.key(0);
    key.shared = true;
    x = dropout(x, context.training ? config_.dropout : 0.0, key, segments);
    for (const TransformerBlock& block : blocks_) x = block.forward(x, segments, context);
    return {at::layer_norm(x, {config_.width}, norm_weight_, norm_bias_, 1e-5), segments};
  }

 private:
  MelEncoderConfig config_;
  MelFrontend frontend_;
  std::vector<at::Tensor> conv_weight_;
  std::vector<NormWeights> conv_norm_;
  at::Tensor project_weight_, project_bias_, project_norm_weight_, project_norm_bias_, position_weight_, position_bias_;
  std::vector<TransformerBlock> blocks_;
  at::Tensor norm_weight_, norm_bias_;
};

}  // namespace

std::unique_ptr<Encoder> make_mel_encoder(const MelEncoderConfig& config, ParameterSet& parameters, Initializer& initializer) {
  check(config);
  return std::make_unique<MelEncoder>(config, parameters, initializer);
}

}  // namespace ser
