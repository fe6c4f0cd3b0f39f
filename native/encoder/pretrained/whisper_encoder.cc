// Whisper's encoder (Radford et al. 2022): log-mel, two convolutions, sinusoidal positions and pre-norm transformer layers, over
// packed frames. Weights come from a checkpoint of transformers' WhisperModel or WhisperForConditionalGeneration.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "encoder/pretrained/layer.h"
#include "encoder/pretrained/log_mel.h"
#include "encoder/pretrained/pretrained_encoder.h"
#include "encoder/segment_attention.h"

namespace ser {
namespace {

constexpr double kEpsilon = 1e-5;
constexpr std::int64_t kTaps = 3;
// Samples of one frame: 160 of a spectrogram's row, and every other row.
constexpr std::int64_t kStride = 2 * kLogMelHop;
constexpr std::uint32_t kInputSite = 0, kFirstLayerSite = 1;

void check(const WhisperEncoderConfig& config) {
  const auto fail = [](const std::string& what) { throw Error("E_ARGUMENT", "whisper encoder: " + what); };
  if (config.bands < 1 || config.bands > 256) fail("bands must be in 1..256, got " + std::to_string(config.bands));
  if (config.width < 1 || config.heads < 1 || config.width % config.heads != 0) {
    fail("heads (" + std::to_string(config.heads) + ") must divide width (" + std::to_string(config.width) + ")");
  }
  if (config.layers < 1 || config.feed_forward < 1 || config.positions < 4) {
    fail("layers and feedForward must be positive and positions at least 4");
  }
  if (config.attention_dropout != 0) {
    fail("attention_dropout must be 0, as in all of Whisper's checkpoints, got " + std::to_string(config.attention_dropout));
  }
  for (const auto& [name, p] :
       {std::pair("dropout", config.dropout), std::pair("activation_dropout", config.activation_dropout),
        std::pair("layer_drop", config.layer_drop)}) {
    if (!(p >= 0 && p < 1)) fail(std::string(name) + " must be in [0, 1), got " + std::to_string(p));
  }
}

LayerConfig layer_config(const WhisperEncoderConfig& config) {
  LayerConfig out;
  out.width = config.width;
  out.heads = config.heads;
  out.feed_forward = config.feed_forward;
  out.norm_epsilon = kEpsilon;
  out.hidden_dropout = config.dropout;
  out.activation_dropout = config.activation_dropout;
  out.layer_drop = config.layer_drop;
  out.key_bias = false;
  return out;
}

// What the layers see of a batch: utterances cut into windows that have positions of their own.
struct Windows {
  std::vector<std::int64_t> samples;       // of each window
  std::vector<std::int64_t> rows, frames;  // of its spectrogram, after the convolutions
  std::vector<std::uint32_t> keys;
  std::vector<std::int64_t> utterance_rows, utterance_frames;
};

// Rows of spectrograms between zero rows, so that a convolution over all of them at once sees each window's own border: a window
// of M rows takes M + 1, rounded up to an even number, of which the first is zero. A stride of 2 then meets every window in the
// same phase, at row offset / 2 of the result.
struct Layout {
  explicit Layout(const std::vector<std::int64_t>& rows) {
    for (const std::int64_t m : rows) offsets.push_back(offsets.back() + (m + 2) / 2 * 2);
  }
  std::int64_t total() const { return offsets.back() + 2; }  // two more zero rows end the last window
  std::vector<std::int64_t> offsets{0};
};

// out x in x taps to out x (taps * in), for rows that hold the taps one after the other.
at::Tensor as_matrix(const at::Tensor& kernel) { return kernel.permute({0, 2, 1}).reshape({kernel.size(0), -1}); }

class WhisperEncoder final : public PretrainedEncoder {
 public:
  WhisperEncoder(const WhisperEncoderConfig& config, const AdaptConfig& adapt, ParameterSet& parameters,
                 Initializer& initializer)
      : config_(config) {
    const std::int64_t width = config.width, layers = config.layers;
    const Placement front = place_layer(adapt, -1, layers), after = place_layer(adapt, layers, layers);
    const auto conv = [&](const std::string& name, std::int64_t in) {
      at::Tensor weight = parameters.add(name + ".weight", initializer.zeros({width, in, kTaps}), true, front);
      return Conv{weight, parameters.add(name + ".bias", initializer.zeros({width}), false, front)};
    };
    conv1_ = conv("encoder.conv1", config.bands);
    conv2_ = conv("encoder.conv2", width);
    positions_ = parameters.add("encoder.positions", initializer.zeros({config.positions, width}), false, {false});
    // The layers' addresses must stay: backward passes that recompute a layer keep them.
    layers_.reserve(static_cast<std::size_t>(layers));
    for (std::int64_t i = 0; i < layers; ++i) {
      layers_.emplace_back(layer_config(config), adapt, place_layer(adapt, i, layers),
                           "encoder.layers." + std::to_string(i) + ".",
                           kFirstLayerSite + static_cast<std::uint32_t>(i) * TransformerLayer::kSites, parameters, initializer);
    }
    norm_weight_ = parameters.add("encoder.norm.weight", initializer.ones({width}), false, after);
    norm_bias_ = parameters.add("encoder.norm.bias", initializer.zeros({width}), false, after);
    add_layer_mix(adapt, layers, parameters, initializer);
  }

  std::int64_t width() const override { return config_.width; }

  HiddenStates hidden(const Waves& waves, const EncodeContext& context, bool all_states) const override {
    const Windows windows = make_windows(waves);
    at::Tensor mel = log_mel(waves.samples, windows.samples, config_.bands, config_.window30 ? window_samples() : 0);
    if (context.augment != nullptr) mask(*context.augment, waves, windows, mel);
    const SegmentsPtr segments = make_segments(windows.frames, windows.keys);
    at::Tensor x = convolve(mel, windows);
    std::vector<at::Tensor> positions;
    for (const std::int64_t frames : windows.frames) positions.push_back(positions_.narrow(0, 0, frames));
    x = dropout(x + at::cat(positions), context.training ? config_.dropout : 0.0, context.key(kInputSite), segments);
    HiddenStates out;
    out.segments = make_segments(windows.utterance_frames, waves.keys);
    if (all_states) out.states.push_back(x);
    const auto attend = [heads = config_.heads, segments](const at::Tensor& qkv, const at::Tensor& /*input*/) {
      return segment_attention(qkv, heads, segments);
    };
    for (const TransformerLayer& layer : layers_) {
      x = layer.forward(x, segments, context, attend);
      if (all_states) out.states.push_back(x);
    }
    out.last = at::layer_norm(x, {config_.width}, norm_weight_, norm_bias_, kEpsilon);
    return out;
  }

  std::vector<CheckpointTarget> targets(bool merged) const override {
    std::vector<CheckpointTarget> out{{"encoder.conv1.weight", conv1_.weight.detach(), {}},
                                      {"encoder.conv1.bias", conv1_.bias.detach(), {}},
                                      {"encoder.conv2.weight", conv2_.weight.detach(), {}},
                                      {"encoder.conv2.bias", conv2_.bias.detach(), {}},
                                      {"encoder.embed_positions.weight", positions_.detach(), {}}};
    const LayerNames names{.query = "self_attn.q_proj",
                           .key = "self_attn.k_proj",
                           .value = "self_attn.v_proj",
                           .out = "self_attn.out_proj",
                           .attention_norm = "self_attn_layer_norm",
                           .feed_norm = "final_layer_norm",
                           .expand = "fc1",
                           .contract = "fc2"};
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      layers_[i].append_targets(names, "encoder.layers." + std::to_string(i) + ".", merged, out);
    }
    out.push_back({"encoder.layer_norm.weight", norm_weight_.detach(), {}});
    out.push_back({"encoder.layer_norm.bias", norm_bias_.detach(), {}});
    return out;
  }

  std::vector<std::string> ignored_tensors() const override { return {"decoder.", "proj_out."}; }

 private:
  struct Conv {
    at::Tensor weight, bias;
  };

  // 30 s of sound, for the 1500 positions that Whisper has.
  std::int64_t window_samples() const { return config_.positions * kStride; }

  // An utterance longer than a window is cut: where silence fills up the last window, into windows of full length, else into
  // as few as possible of equal length, at multiples of a frame.
  Windows make_windows(const Waves& waves) const {
    Windows out;
    const std::int64_t most = window_samples();
    for (std::size_t b = 0; b < waves.lengths.size(); ++b) {
      const std::int64_t length = waves.lengths[b], count = (length + most - 1) / most;
      if (length < kLogMelWindow) {
        throw Error("E_ARGUMENT", "utterance " + std::to_string(b) + " must have at least 400 samples (25 ms), got " +
                                      std::to_string(length));
      }
      std::int64_t begin = 0, rows = 0, frames = 0;
      for (std::int64_t w = 1; w <= count; ++w) {
        const std::int64_t even = ((w * length + count - 1) / count + kStride - 1) / kStride * kStride;
        const std::int64_t end = std::min(length, config_.window30 ? w * most : even);
        out.samples.push_back(end - begin);
        out.rows.push_back((config_.window30 ? most : end - begin) / kLogMelHop);
        out.frames.push_back((out.rows.back() + 1) / 2);
        // The first window's noise is the utterance's own, that of others differs.
        out.keys.push_back(waves.keys[b] ^ (static_cast<std::uint32_t>(w - 1) * 0x9e3779b9u));
        rows += out.rows.back();
        frames += out.frames.back();
        begin = end;
      }
      out.utterance_rows.push_back(rows);
      out.utterance_frames.push_back(frames);
    }
    return out;
  }

  // Zeros, as in transformers' SpecAugment, over parts of an utterance's spectrogram; silence after its end does not count.
  void mask(const AugmentRows& augment, const Waves& waves, const Windows& windows, at::Tensor& mel) const {
    if (!augment.warp.empty() || !augment.tempo.empty()) {
      throw Error("E_ARGUMENT", "whisper encoder: augmentation by warp or tempo is the mel encoder's alone");
    }
    const std::size_t batch = waves.lengths.size();
    const std::size_t times = augment.time_masks.size() / (2 * batch), strips = augment.band_masks.size() / (2 * batch);
    std::int64_t start = 0;
    for (std::size_t b = 0; b < batch; ++b) {
      const std::int64_t frames = std::min(windows.utterance_rows[b], waves.lengths[b] / kLogMelHop);
      for (std::size_t i = 0; i < times; ++i) {
        const float* span = augment.time_masks.data() + 2 * (b * times + i);
        const auto from = std::clamp<std::int64_t>(std::llround(span[0] * static_cast<double>(frames)), 0, frames);
        const auto to = std::clamp<std::int64_t>(from + std::llround(span[1] * static_cast<double>(frames)), from, frames);
        mel.narrow(0, start + from, to - from).zero_();
      }
      for (std::size_t i = 0; i < strips; ++i) {
        const std::int32_t* span = augment.band_masks.data() + 2 * (b * strips + i);
        const std::int64_t from = std::clamp<std::int64_t>(span[0], 0, config_.bands);
        const std::int64_t to = std::clamp<std::int64_t>(from + std::max(span[1], 0), from, config_.bands);
        mel.narrow(0, start, windows.utterance_rows[b]).narrow(1, from, to - from).zero_();
      }
      start += windows.utterance_rows[b];
    }
  }

  // Both convolutions as products of matrices: sum(M) x bands to sum(T) x D. Rows between windows come along and are dropped.
  at::Tensor convolve(const at::Tensor& mel, const Windows& windows) const {
    const std::int64_t bands = config_.bands, width = config_.width;
    const Layout layout(windows.rows);
    const std::int64_t total = layout.total();
    // Row i + 1 of `padded` is row i of the layout, so that rows i, i + 1 and i + 2 are the taps of row i.
    at::Tensor padded = at::zeros({total + 2, bands}, mel.options());
    at::Tensor inside = at::zeros({total, 1}, mel.options());
    std::int64_t start = 0;
    for (std::size_t i = 0; i < windows.rows.size(); ++i) {
      padded.narrow(0, layout.offsets[i] + 2, windows.rows[i]).copy_(mel.narrow(0, start, windows.rows[i]));
      inside.narrow(0, layout.offsets[i] + 1, windows.rows[i]).fill_(1);
      start += windows.rows[i];
    }
    const at::Tensor taps1 = padded.as_strided({total, kTaps * bands}, {bands, 1}).contiguous();
    at::Tensor x = at::gelu(at::linear(taps1, as_matrix(conv1_.weight), conv1_.bias));
    x = (x * inside.to(x.scalar_type())).view({total / 2, 2 * width});
    const std::int64_t rows = total / 2 - 1;
    const at::Tensor taps2 = at::cat({x.narrow(0, 0, rows), x.narrow(0, 1, rows).narrow(1, 0, width)}, 1);
    x = at::gelu(at::linear(taps2, as_matrix(conv2_.weight), conv2_.bias));
    std::vector<std::int64_t> sizes;
    for (std::size_t i = 0; i < windows.frames.size(); ++i) {
      sizes.push_back(windows.frames[i]);
      sizes.push_back((layout.offsets[i + 1] - layout.offsets[i]) / 2 - windows.frames[i]);
    }
    std::vector<at::Tensor> parts = x.split_with_sizes(sizes), kept;
    for (std::size_t i = 0; i < parts.size(); i += 2) kept.push_back(parts[i]);
    return at::cat(kept);
  }

  WhisperEncoderConfig config_;
  Conv conv1_, conv2_;
  at::Tensor positions_, norm_weight_, norm_bias_;
  std::vector<TransformerLayer> layers_;
};

}  // namespace

std::unique_ptr<PretrainedEncoder> make_whisper_encoder(const WhisperEncoderConfig& config, const AdaptConfig& adapt,
                                                        ParameterSet& parameters, Initializer& initializer) {
  check(config);
  return std::make_unique<WhisperEncoder>(config, adapt, parameters, initializer);
}

}  // namespace ser
