#include "bench/op_cases.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>

#include "bench/plain_ops.h"
#include "encoder/mel_frontend.h"
#include "encoder/norm_relu.h"
#include "encoder/pretrained/conv_extractor.h"
#include "encoder/segment_attention.h"
#include "encoder/segment_conv.h"
#include "encoder/strided_conv.h"
#include "engine/philox.h"
#include "train/batch.h"

namespace ser {
namespace {

// WavLM Base's sizes, and those of the mel encoder.
constexpr std::int64_t kWidth = 768, kHeads = 12, kFlamHeads = 16, kMelWidth = 192, kMelChannels = 24, kBands = 80;
constexpr std::int64_t kClasses = 8, kEmbedding = 64;

struct Setting {
  std::vector<std::int64_t> lengths;  // samples
  SegmentsPtr segments;               // frames at 50 a second
  Precision precision;
  at::Device device;

  std::int64_t batch() const { return static_cast<std::int64_t>(lengths.size()); }
  at::TensorOptions options() const { return at::TensorOptions(at::kFloat).device(device); }
  at::ScalarType activation() const { return precision == Precision::bf16 ? at::kBFloat16 : at::kFloat; }
  // A leaf; `fan_in` scales it down as initial weights are.
  at::Tensor leaf(at::IntArrayRef shape, std::int64_t fan_in = 1) const {
    return (at::randn(shape, options()) / std::sqrt(static_cast<double>(fan_in))).requires_grad_();
  }
  at::Tensor activations(at::IntArrayRef shape) const { return at::randn(shape, options()).to(activation()).requires_grad_(); }
  std::string frames() const {
    return std::to_string(batch()) + " utterances, " + std::to_string(segments->total()) + " frames";
  }
};

OpCase multi_loss_case(const Setting& s) {
  MultiLossInput in;
  in.logits = s.leaf({s.batch(), kClasses});
  in.embedding = s.leaf({s.batch(), kEmbedding}, kEmbedding);
  in.contrast = s.leaf({s.batch(), kEmbedding});
  in.centers = s.leaf({kClasses, kEmbedding}, kEmbedding);
  in.base_classes = at::arange(s.batch(), s.options().dtype(at::kLong)) % kClasses;
  in.labels = at::zeros({s.batch(), kClasses}, s.options()).scatter_(1, in.base_classes.unsqueeze(1), 1);
  const MultiLossOptions options;
  return {std::to_string(s.batch()) + " rows, " + std::to_string(kClasses) + " classes, width " + std::to_string(kEmbedding),
          {in.logits, in.embedding, in.contrast, in.centers},
          [in, options] { return multi_loss(in, options).total.to(at::kFloat); },
          [in, options] { return plain_multi_loss(in, options); }};
}

OpCase flam_case(const Setting& s) {
  const at::Tensor frames = s.leaf({s.segments->total(), kWidth});
  const FlamWeights w{s.leaf({3 * kWidth, kWidth}, kWidth),
                      s.leaf({3 * kWidth}, kWidth),
                      s.leaf({kWidth, kWidth}, kWidth),
                      s.leaf({kWidth}, kWidth),
                      s.leaf({kWidth}, kWidth),
                      kFlamHeads};
  const SegmentsPtr segments = s.segments;
  return {s.frames() + " of " + std::to_string(kWidth) + ", " + std::to_string(kFlamHeads) + " heads",
          {frames, w.input_weight, w.input_bias, w.output_weight, w.output_bias, w.score},
          // As the model does it: but for the projection, in float32.
          [=] {
            const at::Tensor projected = flam_projection(frames, w).to(at::kFloat);
            const c10::impl::ExcludeDispatchKeyGuard full_precision(c10::autocast_dispatch_keyset);
            return flam(frames, projected, w, segments).pooled;
          },
          [=] { return plain_flam(frames, w, segments); }};
}

OpCase attention_case(const Setting& s, bool biased) {
  const at::Tensor qkv = s.activations({s.segments->total(), 3 * kWidth});
  AttentionOptions options;
  OpCase out{s.frames() + ", " + std::to_string(kHeads) + " heads of " + std::to_string(kWidth / kHeads), {qkv}, {}, {}};
  if (biased) {
    options.gate = s.leaf({s.segments->total(), kHeads});
    options.table = s.leaf({kHeads, 2 * s.segments->longest() - 1});
    out.inputs.push_back(options.gate);
    out.inputs.push_back(options.table);
  }
  const SegmentsPtr segments = s.segments;
  out.own = [=] { return segment_attention(qkv, kHeads, segments, options); };
  out.plain = [=] { return segment_attention_padded(qkv, kHeads, segments, options); };
  return out;
}

OpCase extractor_case(const Setting& s) {
  SslEncoderConfig config;
  config.conv_channels.assign(7, 512);
  config.conv_kernels = {10, 3, 3, 3, 3, 2, 2};
  config.conv_strides = {5, 2, 2, 2, 2, 2, 2};
  ParameterSet parameters;
  Initializer initializer(1);
  const auto extractor = std::make_shared<ConvExtractor>(config, Placement{}, parameters, initializer);
  parameters.flatten(s.device);
  OpCase out;
  for (const Parameter& parameter : parameters.all()) {
    const at::NoGradGuard no_grad;
    at::Tensor tensor = parameter.tensor;
    if (tensor.dim() == 3) tensor.normal_(0, 1 / std::sqrt(static_cast<double>(tensor[0].numel())));
    out.inputs.push_back(tensor);
  }
  Waves waves;
  waves.lengths = s.lengths;
  waves.keys.assign(s.lengths.size(), 0);
  const std::int64_t samples = std::accumulate(s.lengths.begin(), s.lengths.end(), std::int64_t{0});
  waves.samples = at::randn({samples}, s.options()) * 0.1;
  out.shape = std::to_string(s.batch()) + " utterances, " + std::to_string(samples) + " samples, 512 channels";
  out.own = [=] { return extractor->forward(waves); };
  out.plain = [=] { return extractor->forward_composite(waves); };
  return out;
}

// Frames of the mel encoder before (100 a second) and after its first convolution.
std::vector<std::int64_t> mel_frames(const Setting& s, std::int64_t stride) {
  std::vector<std::int64_t> frames;
  for (const std::int64_t samples : s.lengths) frames.push_back((((samples - kMelWindow) / kMelHop + 1) - 1) / stride + 1);
  return frames;
}

std::string mel_shape(const std::vector<std::int64_t>& frames, std::int64_t channels, std::int64_t bands) {
  return std::to_string(frames.size()) + " x " + std::to_string(channels) + " x " +
         std::to_string(*std::max_element(frames.begin(), frames.end())) + " x " + std::to_string(bands);
}

at::Tensor spectrogram(const Setting& s, const std::vector<std::int64_t>& frames, std::int64_t channels, std::int64_t bands) {
  return at::randn({s.batch(), channels, *std::max_element(frames.begin(), frames.end()), bands}, s.options())
      .to(s.activation(), false, true, at::MemoryFormat::ChannelsLast)
      .requires_grad_();
}

OpCase strided_conv_case(const Setting& s) {
  const auto frames = mel_frames(s, 2);
  const at::Tensor x = spectrogram(s, frames, kMelChannels, kBands / 2);
  const at::Tensor weight = s.leaf({2 * kMelChannels, kMelChannels, 3, 3}, 9 * kMelChannels);
  return {mel_shape(frames, kMelChannels, kBands / 2) + " to " + std::to_string(2 * kMelChannels) + " channels",
          {x, weight},
          [=] { return strided_conv(x, weight, 2); },
          [=] { return at::conv2d(x, weight, {}, {2, 2}, {1, 1}); }};
}

OpCase norm_relu_case(const Setting& s) {
  const auto frames = mel_frames(s, 2);
  const at::Tensor x = spectrogram(s, frames, kMelChannels, kBands / 2);
  const auto buffer = [&](double value) {
    return Buffer{at::full({kMelChannels}, value, s.options()), at::empty({kMelChannels}, s.options())};
  };
  const NormWeights weights{at::ones({kMelChannels}, s.options()).requires_grad_(),
                            at::zeros({kMelChannels}, s.options()).requires_grad_(), buffer(0), buffer(1)};
  return {mel_shape(frames, kMelChannels, kBands / 2),
          {x, weights.weight, weights.bias},
          [=] { return norm_relu(x, weights, frames, true); },
          [=] { return norm_relu_composite(x, weights, frames, true); }};
}

OpCase log_mel_case(const Setting& s) {
  Waves waves;
  waves.lengths = s.lengths;
  waves.keys.assign(s.lengths.size(), 0);
  waves.samples = at::randn({std::accumulate(s.lengths.begin(), s.lengths.end(), std::int64_t{0})}, s.options()) * 0.1;
  return {std::to_string(s.batch()) + " utterances, " + std::to_string(waves.samples.numel()) + " samples, 80 bands",
          {},
          [=] { return mel_spectrogram(MelFrontend(), waves, nullptr).values; },
          [=] { return mel_spectrogram_composite(MelFrontend(), waves, nullptr).values; }};
}

OpCase depthwise_case(const Setting& s) {
  const at::Tensor x = s.leaf({s.segments->total(), kMelWidth}), weight = s.leaf({kMelWidth, 15}, 15),
                   bias = s.leaf({kMelWidth});
  const SegmentsPtr segments = s.segments;
  return {s.frames() + " of " + std::to_string(kMelWidth) + ", 15 taps",
          {x, weight, bias},
          [=] { return segment_depthwise_conv(x, weight, bias, segments); },
          [=] { return segment_depthwise_conv_padded(x, weight, bias, segments); }};
}

OpCase dropout_case(const Setting& s) {
  const at::Tensor x = s.activations({s.segments->total(), kWidth}), residual = s.leaf({s.segments->total(), kWidth});
  const SegmentsPtr segments = s.segments;
  OpCase out{s.frames() + " of " + std::to_string(kWidth) + ", with residual",
             {x, residual},
             [=] { return dropout_add(x, residual, 1, 0.1, {1, 2, 3}, segments); },
             [=] { return residual + at::dropout(x, 0.1, true); }};
  out.comparable = false;
  return out;
}

// From int16 samples and a plan, every row mixed, to the packed batch on the device. Plain: loops over samples.
OpCase mixing_case(const Setting& s) {
  struct Corpus {
    std::vector<std::int16_t> samples;
    StepRequest request;
  };
  const auto corpus = std::make_shared<Corpus>();
  StepRequest& request = corpus->request;
  std::int64_t offset = 0;
  for (const std::int64_t length : s.lengths) {
    request.rows.offsets.push_back(offset);
    request.rows.lengths.push_back(length);
    request.rows.keys.push_back(static_cast<std::uint32_t>(request.rows.keys.size()));
    offset += length;
  }
  corpus->samples.resize(static_cast<std::size_t>(offset));
  for (std::size_t i = 0; i < corpus->samples.size(); ++i) {
    const auto draw = static_cast<int>(philox4x32({static_cast<std::uint32_t>(i), 0, 0, 0}, {1, 2})[0] >> 18);
    corpus->samples[i] = static_cast<std::int16_t>(draw - 8192);
  }
  request.mix.kind = MixKind::eam;
  for (std::size_t b = 0; b < s.lengths.size(); ++b) {
    const std::size_t partner = (b + 1) % s.lengths.size();
    request.mix.active.push_back(1);
    request.mix.partner_offsets.push_back(request.rows.offsets[partner]);
    request.mix.partner_lengths.push_back(s.lengths[partner]);
    request.mix.starts.push_back(0);
    request.mix.partner_starts.push_back(0);
    request.mix.segment_lengths.push_back(std::min(s.lengths[b], s.lengths[partner]));
    request.mix.snr.push_back(3);
    request.mix.lambda.push_back(0.3);
    for (std::int64_t c = 0; c < kClasses; ++c)
      request.labels.push_back(c == static_cast<std::int64_t>(b) % kClasses ? 1.0f : 0.0f);
  }
  request.partner_labels = request.labels;
  const at::Device device = s.device;
  const auto view = [corpus] { return SampleView{corpus->samples.data(), static_cast<std::int64_t>(corpus->samples.size())}; };
  return {std::to_string(s.batch()) + " utterances, " + std::to_string(offset) + " samples, all mixed",
          {},
          [=] { return make_training_batch(view(), corpus->request, kClasses, 0, device).waves.samples; },
          [=] {
            at::Tensor packed = at::empty({view().size}, at::TensorOptions(at::kFloat));
            for (std::size_t b = 0; b < corpus->request.rows.offsets.size(); ++b) {
              mix_row_reference(view(), corpus->request.rows, corpus->request.mix, b,
                                packed.mutable_data_ptr<float>() + corpus->request.rows.offsets[b]);
            }
            return packed.to(device);
          }};
}

using Maker = OpCase (*)(const Setting&);
constexpr std::pair<const char*, Maker> kOps[] = {
    {"multi-loss", multi_loss_case},
    {"FLAM", flam_case},
    {"EAM mixing", mixing_case},
    {"attention", [](const Setting& s) { return attention_case(s, false); }},
    {"attention, relative bias", [](const Setting& s) { return attention_case(s, true); }},
    {"waveform convolutions", extractor_case},
    {"dropout and residual", dropout_case},
    {"log-mel", log_mel_case},
    {"mel convolution", strided_conv_case},
    {"batch norm and ReLU", norm_relu_case},
    {"depthwise convolution", depthwise_case},
};

}  // namespace

std::vector<std::string> op_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : kOps) names.emplace_back(name);
  return names;
}

OpCase make_op_case(const std::string& name, const std::vector<std::int64_t>& lengths, Precision precision, at::Device device) {
  if (lengths.size() < 3)
    throw Error("E_ARGUMENT", "at least three utterances are needed, got " + std::to_string(lengths.size()));
  std::vector<std::int64_t> frames;
  for (const std::int64_t length : lengths) {
    if (length < 400) throw Error("E_ARGUMENT", "utterances must have at least 400 samples, got " + std::to_string(length));
    frames.push_back((length - 400) / 320 + 1);
  }
  for (const auto& [known, make] : kOps) {
    if (name == known) return make({lengths, make_segments(frames), precision, device});
  }
  throw Error("E_ARGUMENT", "no operation is called '" + name + "'");
}

}  // namespace ser
