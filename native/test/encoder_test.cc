#include "encoder/encoder.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include "encoder/mel_frontend.h"
#include "encoder/norm_relu.h"
#include "encoder/segment_conv.h"
#include "encoder/strided_conv.h"
#include "engine/model.h"
#include "test/check.h"

namespace {

double gap(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>() / std::max(1.0, b.abs().max().item<double>());
}

ser::Waves make_waves(const std::vector<std::int64_t>& lengths, std::uint64_t seed = 1) {
  ser::Waves waves;
  at::Generator generator = at::detail::createCPUGenerator(seed);
  std::vector<at::Tensor> rows;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    // A tone in noise that differs by utterance, so that spectra have peaks and floors.
    const at::Tensor time = at::arange(lengths[b], at::TensorOptions(at::kFloat));
    rows.push_back((time * (0.05 * static_cast<double>(b + 1))).sin() * 0.2 +
                   at::randn({lengths[b]}, generator, at::TensorOptions(at::kFloat)) * 0.001);
    waves.keys.push_back(static_cast<std::uint32_t>(100 + b));
  }
  waves.lengths = lengths;
  waves.samples = at::cat(rows);
  return waves;
}

ser::Waves one_of(const ser::Waves& waves, std::size_t b) {
  std::int64_t start = 0;
  for (std::size_t i = 0; i < b; ++i) start += waves.lengths[i];
  return {waves.samples.narrow(0, start, waves.lengths[b]).contiguous(), {waves.lengths[b]}, {waves.keys[b]}};
}

void front_end() {
  const auto waves = make_waves({400, 6000, 5999, 12345});
  ser::AugmentRows augment;
  augment.warp = {1.0f, 0.9f, 1.12f, 1.0f};
  augment.tempo = {1.0f, 1.1f, 0.9f, 1.0f};
  augment.time_masks = {0, 0.5f, 0.25f, 0.1f, 0, 0, 0.9f, 0.5f};
  augment.band_masks = {0, 5, 70, 30, 3, 0, 79, 1};
  for (const bool fixed : {false, true}) {
    ser::MelFrontend frontend;
    if (fixed) frontend.mean = -6;
    for (const ser::AugmentRows* rows :
         {static_cast<const ser::AugmentRows*>(nullptr), static_cast<const ser::AugmentRows*>(&augment)}) {
      const auto fast = ser::mel_spectrogram(frontend, waves, rows),
                 slow = ser::mel_spectrogram_composite(frontend, waves, rows);
      SER_CHECK(fast.frames == slow.frames, "frames of each utterance");
      SER_CHECK_WITHIN((fast.values - slow.values).abs().max().item<double>(), 1e-4,
                       std::string("log-mel against LibTorch's FFT") + (fixed ? ", fixed mean" : "") +
                           (rows != nullptr ? ", augmented" : ""));
    }
  }
  SER_CHECK(ser::mel_spectrogram({}, waves, nullptr).frames[0] == 1, "400 samples are one frame");
}

void depthwise() {
  at::Generator generator = at::detail::createCPUGenerator(4);
  const auto segments = ser::make_segments({1, 5, 40, 17});
  for (const std::int64_t width : {16, 70, 192}) {
    const auto normal = [&](at::IntArrayRef shape) {
      return at::randn(shape, generator, at::TensorOptions(at::kFloat)).requires_grad_();
    };
    const at::Tensor x = normal({segments->total(), width}), weight = normal({width, 15}), bias = normal({width});
    const at::Tensor up = normal({segments->total(), width}).detach();
    const at::Tensor fast = ser::segment_depthwise_conv(x, weight, bias, segments);
    const at::Tensor slow = ser::segment_depthwise_conv_padded(x, weight, bias, segments);
    SER_CHECK_WITHIN(gap(fast, slow), 2e-6, "depthwise convolution of width " + std::to_string(width) + " against conv1d");
    const auto a = torch::autograd::grad({fast}, {x, weight, bias}, {up}),
               b = torch::autograd::grad({slow}, {x, weight, bias}, {up});
    SER_CHECK_WITHIN(std::max({gap(a[0], b[0]), gap(a[1], b[1]), gap(a[2], b[2])}), 3e-6, "its gradients");
  }
}

void normalisation() {
  at::Generator generator = at::detail::createCPUGenerator(6);
  const std::vector<std::int64_t> lengths{9, 4, 1};
  for (const std::int64_t channels : {5, 24}) {
    const at::Tensor x = (at::randn({3, channels, 9, 7}, generator, at::TensorOptions(at::kFloat)) + 0.5)
                             .contiguous(at::MemoryFormat::ChannelsLast)
                             .requires_grad_();
    const auto vector = [&] { return at::rand({channels}, generator, at::TensorOptions(at::kFloat)) + 0.3; };
    const ser::NormWeights fast{vector().requires_grad_(),
                                vector().requires_grad_(),
                                {vector(), at::zeros({channels})},
                                {vector(), at::zeros({channels})}};
    ser::NormWeights slow = fast;
    slow.mean.pending = at::zeros({channels});
    slow.variance.pending = at::zeros({channels});
    const at::Tensor up = at::randn(x.sizes(), generator, at::TensorOptions(at::kFloat));
    for (const bool training : {true, false}) {
      const std::string name =
          std::string(training ? "training" : "inference") + ", " + std::to_string(channels) + " channels: ";
      const at::Tensor a = ser::norm_relu(x, fast, lengths, training), b = ser::norm_relu_composite(x, slow, lengths, training);
      SER_CHECK_WITHIN(gap(a, b), 2e-6, name + "normalisation against the composite");
      const auto p = torch::autograd::grad({a}, {x, fast.weight, fast.bias}, {up}),
                 q = torch::autograd::grad({b}, {x, fast.weight, fast.bias}, {up});
      SER_CHECK_WITHIN(std::max({gap(p[0], q[0]), gap(p[1], q[1]), gap(p[2], q[2])}), 5e-6, name + "its gradients");
    }
    SER_CHECK_WITHIN(std::max(gap(fast.mean.pending, slow.mean.pending), gap(fast.variance.pending, slow.variance.pending)),
                     1e-6, "running statistics");
  }
}

void convolution() {
  at::Generator generator = at::detail::createCPUGenerator(8);
  for (const std::int64_t batch : {1, 3, 19}) {
    for (const std::int64_t stride : {1, 2}) {
      const at::Tensor x = at::randn({batch, 6, 13, 10}, generator, at::TensorOptions(at::kFloat))
                               .contiguous(at::MemoryFormat::ChannelsLast)
                               .requires_grad_();
      const at::Tensor weight = at::randn({8, 6, 3, 3}, generator, at::TensorOptions(at::kFloat)).requires_grad_();
      const at::Tensor a = ser::strided_conv(x, weight, stride), b = at::conv2d(x, weight, {}, {stride, stride}, {1, 1});
      const at::Tensor up = at::randn(a.sizes(), generator, at::TensorOptions(at::kFloat));
      const auto p = torch::autograd::grad({a}, {x, weight}, {up}), q = torch::autograd::grad({b}, {x, weight}, {up});
      SER_CHECK_WITHIN(
          std::max({gap(a, b), gap(p[0], q[0]), gap(p[1], q[1])}), 3e-6,
          "convolution and gradients of " + std::to_string(batch) + " utterances, stride " + std::to_string(stride));
    }
  }
}

void independence(ser::Block block, ser::Pooling pooling, const std::string& name) {
  ser::ModelConfig config;
  config.classes = 5;
  config.pooling = pooling;
  config.mel.block = block;
  config.mel.width = 48;
  config.mel.feed_forward = 96;
  config.mel.conv_channels = 8;
  ser::Model model(config, 3, at::kCPU);
  at::NoGradGuard no_grad;
  const auto waves = make_waves({16000, 400, 30123, 9999});
  const auto together = model.forward(waves, ser::EncodeContext(), true);
  double logits = 0, weights = 0, contrast = 0;
  for (std::size_t b = 0; b < 4; ++b) {
    const auto alone = model.forward(one_of(waves, b), ser::EncodeContext(), true);
    const auto row = static_cast<std::int64_t>(b);
    logits = std::max(logits, gap(together.logits[row], alone.logits[0]));
    contrast = std::max(contrast, gap(together.contrast[row], alone.contrast[0]));
    if (alone.weights.defined()) {
      weights = std::max(weights, gap(together.weights.narrow(0, together.segments->offsets[b], together.segments->length(row)),
                                      alone.weights));
    }
  }
  SER_CHECK_WITHIN(logits, 1e-5, name + ": logits alone and in a batch");
  SER_CHECK_WITHIN(contrast, 1e-5, name + ": contrast alone and in a batch");
  SER_CHECK_WITHIN(weights, 1e-5, name + ": pooling weights alone and in a batch");
}

void initial_weights() {
  ser::ModelConfig config;
  config.classes = 3;
  const ser::Model a(config, 5, at::kCPU), b(config, 5, at::kCPU), c(config, 6, at::kCPU);
  SER_CHECK(at::equal(a.parameters().flat(), b.parameters().flat()), "one seed gives one model");
  SER_CHECK(!at::equal(a.parameters().flat(), c.parameters().flat()), "another seed another");
  const at::Tensor before = at::rand({1});
  at::manual_seed(1);
  const at::Tensor first = at::rand({4});
  at::manual_seed(1);
  const ser::Model d(config, 7, at::kCPU);
  SER_CHECK(at::equal(at::rand({4}), first), "LibTorch's global generator is not touched");
  config.mel.heads = 5;
  SER_CHECK_ERROR(ser::Model(config, 1, at::kCPU), "E_ARGUMENT", "must divide");
}

}  // namespace

int main() {
  front_end();
  depthwise();
  normalisation();
  convolution();
  independence(ser::Block::transformer, ser::Pooling::flam, "transformer, FLAM");
  independence(ser::Block::conformer, ser::Pooling::flam, "conformer, FLAM");
  independence(ser::Block::transformer, ser::Pooling::mean, "mean pooling");
  independence(ser::Block::transformer, ser::Pooling::max, "max pooling");
  initial_weights();
  return ser::test::finish("encoder");
}
