// wav2vec2, HuBERT and WavLM against what transformers computes (scripts/fixtures/ssl-fixtures.py), and their parts against
// plain references.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "encoder/pretrained/conv_extractor.h"
#include "encoder/pretrained/position_conv.h"
#include "encoder/pretrained/pretrained_encoder.h"
#include "encoder/pretrained/relative_attention.h"
#include "encoder/pretrained/spec_augment.h"
#include "encoder/segment_attention.h"
#include "engine/model.h"
#include "test/check.h"
#include "weights/checkpoint.h"

namespace {

using Tensors = std::map<std::string, at::Tensor>;

std::string path_of(const std::string& name, const std::string& file) {
  static const std::filesystem::path root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  return (root / "test/fixtures/encoders" / name / (file + ".safetensors")).string();
}

Tensors read(const std::string& name, const std::string& file) {
  const auto found = ser::read_safetensors(path_of(name, file));
  return {found.tensors.begin(), found.tensors.end()};
}

double gap(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return INFINITY;
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// Of the largest value of b.
double relative_gap(const at::Tensor& a, const at::Tensor& b) {
  return gap(a, b) / std::max(1e-30, b.abs().max().item<double>());
}

double cosine(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kDouble).flatten(), y = b.detach().to(at::kDouble).flatten();
  return (x.dot(y) / (x.norm() * y.norm())).item<double>();
}

at::Tensor normal(at::IntArrayRef shape, at::Generator& generator) {
  return at::randn(shape, generator, at::TensorOptions(at::kFloat));
}

// The models of the fixtures; sizes as in the script.
ser::SslEncoderConfig shape(ser::SslFamily family, std::int64_t layers, bool large, bool bias) {
  ser::SslEncoderConfig config;
  config.family = family;
  config.conv_channels.assign(7, 12);
  config.conv_kernels = {10, 3, 3, 3, 3, 2, 2};
  config.conv_strides = {5, 2, 2, 2, 2, 2, 2};
  config.conv_bias = bias;
  config.group_norm = !large;
  config.pre_norm = large;
  config.normalize = large;
  config.width = 32;
  config.layers = layers;
  config.heads = 2;
  config.feed_forward = 48;
  config.position_kernel = 16;
  config.position_groups = 4;
  config.spec_augment.time_prob = 0.05;
  return config;
}

std::map<std::string, ser::SslEncoderConfig> shapes() {
  std::map<std::string, ser::SslEncoderConfig> out;
  out["wavlm-base-like"] = shape(ser::SslFamily::wavlm, 3, false, false);
  out["wavlm-large-like"] = shape(ser::SslFamily::wavlm, 3, true, false);
  out["wavlm-large-like"].position_kernel = 15;
  out["hubert-base-like"] = shape(ser::SslFamily::hubert, 2, false, false);
  out["hubert-large-like"] = shape(ser::SslFamily::hubert, 2, true, true);
  out["hubert-large-like"].heads = 4;
  auto& wide = out["wav2vec2-large-like"] = shape(ser::SslFamily::wav2vec2, 2, true, true);
  wide.width = 48;
  wide.heads = 3;
  wide.feed_forward = 32;
  wide.position_groups = 16;
  return out;
}

ser::AdaptConfig all_trained() {
  ser::AdaptConfig adapt;
  adapt.trainable_layers = -1;
  adapt.train_extractor = true;
  return adapt;
}

struct Built {
  ser::ParameterSet parameters;
  std::unique_ptr<ser::PretrainedEncoder> encoder;

  at::Tensor get(const std::string& name) const {
    for (const auto& parameter : parameters.all()) {
      if (parameter.name == name) return parameter.tensor;
    }
    throw std::runtime_error("no parameter " + name);
  }
};

// Refuses a checkpoint with anything left over.
void fill(const ser::PretrainedEncoder& encoder, const std::string& fixture) {
  const at::NoGradGuard no_grad;
  ser::fill_targets(ser::Checkpoint::open({path_of(fixture, "model")}), encoder.checkpoint_targets(), {}, {""});
}

// With weights of the fixture, unless it is empty.
std::unique_ptr<Built> build(const ser::SslEncoderConfig& config, const ser::AdaptConfig& adapt, const std::string& fixture) {
  auto built = std::make_unique<Built>();
  ser::Initializer initializer(5);
  built->encoder = ser::make_ssl_encoder(config, adapt, built->parameters, initializer);
  built->parameters.flatten(at::kCPU);
  if (fixture.empty()) return built;
  fill(*built->encoder, fixture);
  return built;
}

ser::Waves fixture_waves(const Tensors& expected) {
  ser::Waves waves;
  std::vector<at::Tensor> parts;
  for (std::uint32_t b = 0; b < 3; ++b) {
    parts.push_back(expected.at("wave." + std::to_string(b)));
    waves.lengths.push_back(parts.back().size(0));
    waves.keys.push_back(7 + b);
  }
  waves.samples = at::cat(parts);
  return waves;
}

ser::Waves make_waves(const std::vector<std::int64_t>& lengths) {
  ser::Waves waves;
  at::Generator generator = at::detail::createCPUGenerator(3);
  std::vector<at::Tensor> rows;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    const at::Tensor time = at::arange(lengths[b], at::TensorOptions(at::kFloat));
    rows.push_back((time * (0.02 * static_cast<double>(b + 1))).sin() * 0.2 + normal({lengths[b]}, generator) * 0.03);
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

at::Tensor rows_of(const at::Tensor& x, const ser::SegmentsPtr& segments, std::int64_t b) {
  return x.narrow(0, segments->offsets[static_cast<std::size_t>(b)], segments->length(b));
}

// sum of values times sin(0.37 i), as the script's loss.
at::Tensor weighted(const at::Tensor& x) {
  const at::Tensor index = at::arange(x.numel(), at::TensorOptions(at::kDouble));
  return (x * (index * 0.37).sin().to(x.scalar_type()).view(x.sizes())).sum();
}

void against_transformers(const std::string& name, const ser::SslEncoderConfig& config) {
  const Tensors expected = read(name, "expected");
  const auto built = build(config, all_trained(), name);
  const ser::Waves waves = fixture_waves(expected);

  const auto compare = [&](const ser::HiddenStates& found, const std::string& how) {
    double worst = 0;
    SER_CHECK(found.states.size() == static_cast<std::size_t>(config.layers) + 1,
              name + how + ": a state a layer and one before");
    for (std::int64_t b = 0; b < 3; ++b) {
      for (std::size_t n = 0; n < found.states.size(); ++n) {
        worst = std::max(worst, gap(rows_of(found.states[n], found.segments, b),
                                    expected.at("hidden." + std::to_string(b) + "." + std::to_string(n))));
      }
      worst = std::max(worst, gap(rows_of(found.last, found.segments, b), expected.at("last." + std::to_string(b))));
    }
    SER_CHECK_WITHIN(worst, 1e-5, name + how + ": every hidden state against transformers");
  };
  {
    const at::NoGradGuard no_grad;
    compare(built->encoder->hidden(waves, {}, true), ", inference");
  }
  const at::Tensor gradient = built->parameters.attach_gradients();
  const auto found = built->encoder->hidden(waves, {}, true);
  compare(found, ", training");
  weighted(found.last).backward();
  double worst = 0;
  std::string where;
  for (const auto& target : built->encoder->checkpoint_targets()) {
    // Parameters and gradients lie alike in their flat tensors.
    const at::Tensor own = gradient.as_strided(target.tensor.sizes(), target.tensor.strides(), target.tensor.storage_offset());
    if (expected.count("grad." + target.name) == 0) {
      SER_CHECK(target.name == "masked_spec_embed", name + ": no gradient for " + target.name);
      continue;
    }
    // A bias of all keys moves a row's scores alike, which softmax does not see: its gradient is nothing but rounding.
    if (target.name.ends_with("k_proj.bias")) continue;
    const double here = relative_gap(own, expected.at("grad." + target.name));
    if (here > worst || std::isnan(here)) {
      worst = here;
      where = target.name;
    }
  }
  SER_CHECK_WITHIN(worst, 1e-4, name + ": gradients of all parameters against transformers (worst: " + where + ")");
}

void batches(const std::string& name, const ser::SslEncoderConfig& config) {
  const auto built = build(config, {}, name);
  const at::NoGradGuard no_grad;
  // Some end where a frame does, some one sample before or after; one is longer than what the convolutions take at once.
  const auto waves = make_waves({400, 16000, 719, 720, 90001, 721, 33333});
  const auto together = built->encoder->hidden(waves, {}, false);
  double worst = 0;
  for (std::size_t b = 0; b < waves.lengths.size(); ++b) {
    const auto alone = built->encoder->hidden(one_of(waves, b), {}, false);
    worst = std::max(worst, gap(rows_of(together.last, together.segments, static_cast<std::int64_t>(b)), alone.last));
  }
  SER_CHECK_WITHIN(worst, 1e-5, name + ": utterances alone and in a batch");
  SER_CHECK(together.segments->length(0) == 1 && together.segments->length(2) == 1 && together.segments->length(3) == 2,
            name + ": 400 and 719 samples are one frame, 720 are two");
}

void half_precision(const std::string& name, const ser::SslEncoderConfig& config) {
  const auto built = build(config, all_trained(), name);
  const auto waves = make_waves({16000, 5000, 31111});
  at::Tensor full, half, training;
  {
    const at::NoGradGuard no_grad;
    full = built->encoder->hidden(waves, {}, false).last;
    const ser::PrecisionScope scope(ser::Precision::bf16, at::kCPU);
    half = built->encoder->hidden(waves, {}, false).last;
  }
  {
    const ser::PrecisionScope scope(ser::Precision::bf16, at::kCPU);
    training = built->encoder->hidden(waves, {}, false).last;
  }
  SER_CHECK_WITHIN(1 - cosine(half, full), 2e-4, name + ": bf16, one minus the cosine with float32");
  SER_CHECK_WITHIN(1 - cosine(training, full), 2e-4, name + ": the same where gradients are on");
}

// Everything in float64, dropout, masks and all, against finite differences along a direction a parameter.
void finite_differences(const std::string& name, ser::SslEncoderConfig config) {
  config.hidden_dropout = config.attention_dropout = config.activation_dropout = config.projection_dropout = 0.2;
  config.spec_augment = {.time_prob = 0.3, .feature_prob = 0.2, .time_length = 3, .time_min = 1, .feature_length = 4};
  ser::ParameterSet parameters;
  ser::Initializer initializer(5);
  const auto encoder = ser::make_ssl_encoder(config, all_trained(), parameters, initializer);
  at::Generator generator = at::detail::createCPUGenerator(9);
  fill(*encoder, name);
  for (const auto& parameter : parameters.all())
    at::Tensor(parameter.tensor).set_data(parameter.tensor.detach().to(at::kDouble));
  ser::Waves waves = make_waves({4000, 2500});
  waves.samples = waves.samples.to(at::kDouble);
  ser::EncodeContext context;
  context.training = true;
  context.seed = 77;
  context.step = 3;
  const auto loss = [&] { return weighted(encoder->forward(waves, context).values); };
  std::vector<at::Tensor> tensors;
  for (const auto& parameter : parameters.all()) tensors.push_back(parameter.tensor);
  const auto gradients = torch::autograd::grad({loss()}, tensors);
  const at::NoGradGuard no_grad;
  double worst = 0;
  std::string where;
  const double step = 1e-6;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor direction = at::randn(tensors[i].sizes(), generator, tensors[i].options().requires_grad(false));
    const double slope = (gradients[i] * direction).sum().item<double>();
    at::Tensor tensor = tensors[i];
    tensor.add_(direction, step);
    const double above = loss().item<double>();
    tensor.add_(direction, -2 * step);
    const double below = loss().item<double>();
    tensor.add_(direction, step);
    const double error = std::abs((above - below) / (2 * step) - slope) / std::max(1.0, std::abs(slope));
    if (error > worst) {
      worst = error;
      where = parameters.all()[i].name;
    }
  }
  SER_CHECK_WITHIN(worst, 1e-6, name + ": gradients in float64 against finite differences (worst: " + where + ")");
}

struct AttentionCase {
  std::int64_t heads, head;
  at::Tensor qkv, gate, table, up;
  ser::SegmentsPtr segments;
};

AttentionCase attention_case(std::int64_t heads, std::int64_t head, const std::vector<std::int64_t>& lengths,
                             std::int64_t reach, bool bias) {
  at::Generator generator = at::detail::createCPUGenerator(12);
  AttentionCase c{heads, head, {}, {}, {}, {}, ser::make_segments(lengths, {5, 6, 7, 8})};
  c.qkv = normal({c.segments->total(), 3 * heads * head}, generator).requires_grad_();
  if (bias) {
    c.gate = (normal({c.segments->total(), heads}, generator) * 0.5 + 1.5).requires_grad_();
    c.table = normal({heads, 2 * reach - 1}, generator).requires_grad_();
  }
  c.up = normal({c.segments->total(), heads * head}, generator);
  return c;
}

void attention() {
  for (const std::int64_t head : {7, 16, 40, 64}) {
    for (const bool bias : {false, true}) {
      for (const double p : {0.0, 0.25}) {
        const AttentionCase c = attention_case(3, head, {1, 37, 150, 16}, 155, bias);
        ser::AttentionOptions options{c.gate, c.table, p, {11, 2, 9}};
        const auto run = [&](bool fast) {
          const at::Tensor out = fast ? ser::segment_attention(c.qkv, c.heads, c.segments, options)
                                      : ser::segment_attention_padded(c.qkv, c.heads, c.segments, options);
          std::vector<at::Tensor> inputs{c.qkv};
          if (bias) inputs.insert(inputs.end(), {c.gate, c.table});
          auto all = torch::autograd::grad({out}, inputs, {c.up});
          all.push_back(out);
          return all;
        };
        const auto fast = run(true), again = run(true), slow = run(false);
        double worst = 0;
        bool same = true;
        for (std::size_t i = 0; i < fast.size(); ++i) {
          worst = std::max(worst, relative_gap(fast[i], slow[i]));
          same = same && at::equal(fast[i], again[i]);
        }
        const std::string what =
            "attention, head width " + std::to_string(head) + (bias ? ", bias" : "") + (p > 0 ? ", dropout" : "");
        SER_CHECK_WITHIN(worst, 5e-6, what + ": result and gradients against whole matrices");
        SER_CHECK(same, what + ": bit-equal when repeated");
      }
    }
  }
}

// In float64 against finite differences, and dropout's share.
void attention_reference() {
  const AttentionCase c = attention_case(2, 5, {9, 4}, 9, true);
  std::vector<at::Tensor> inputs;
  for (const at::Tensor& tensor : {c.qkv, c.gate, c.table}) inputs.push_back(tensor.detach().to(at::kDouble).requires_grad_());
  const at::Tensor up = c.up.to(at::kDouble);
  const auto loss = [&] {
    const ser::AttentionOptions options{inputs[1], inputs[2], 0.3, {1, 2, 3}};
    return (ser::segment_attention(inputs[0], 2, c.segments, options) * up).sum();
  };
  const auto gradients = torch::autograd::grad({loss()}, inputs);
  const at::NoGradGuard no_grad;
  double worst = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    at::Tensor flat = inputs[i].view({-1});
    for (std::int64_t n = 0; n < flat.numel(); ++n) {
      const double step = 1e-6;
      flat[n].add_(step);
      const double above = loss().item<double>();
      flat[n].add_(-2 * step);
      const double below = loss().item<double>();
      flat[n].add_(step);
      worst = std::max(worst, std::abs((above - below) / (2 * step) - gradients[i].view({-1})[n].item<double>()));
    }
  }
  SER_CHECK_WITHIN(worst, 1e-8, "attention's reference in float64 against finite differences");

  // With equal scores and v = 1, a row's output is its share of kept weights, scaled up.
  const auto segments = ser::make_segments({400, 301}, {3, 4});
  at::Tensor qkv = at::zeros({segments->total(), 3 * 32});
  qkv.narrow(1, 64, 32).fill_(1);
  const ser::AttentionOptions options{{}, {}, 0.1, {5, 6, 7}};
  const at::Tensor out = ser::segment_attention(qkv, 2, segments, options);
  SER_CHECK_WITHIN(std::abs(out.mean().item<double>() - 1), 2e-3, "dropped weights are made up for");
  const double spread = rows_of(out, segments, 0).select(1, 0).std().item<double>();
  SER_CHECK_WITHIN(std::abs(spread - std::sqrt(0.1 / 0.9 / 400)) / spread, 0.15, "a tenth of them is dropped, independently");
  SER_CHECK(gap(out.select(1, 0), out.select(1, 16)) > 0.01, "heads drop different weights");
  const auto swapped = ser::make_segments({301, 400}, {4, 3});
  const at::Tensor other = ser::segment_attention(qkv, 2, swapped, options);
  SER_CHECK(at::equal(rows_of(out, segments, 0), rows_of(other, swapped, 1)), "what is dropped depends on the utterance's key");
}

void buckets() {
  // Distances at which a new bucket starts in the released models.
  const std::vector<std::int64_t> starts{80,  83,  85,  88,  90,  93,  96,  98,  101, 104, 107, 110, 114, 117, 120, 124,
                                         127, 131, 135, 139, 143, 147, 151, 156, 160, 165, 170, 175, 180, 185, 190, 196,
                                         201, 207, 213, 220, 226, 233, 239, 246, 253, 261, 268, 276, 284, 293, 301, 310,
                                         319, 328, 338, 348, 358, 368, 379, 390, 401, 413, 425, 438, 450, 464, 477, 491,
                                         505, 520, 535, 551, 567, 583, 600, 618, 636, 655, 674, 693, 714, 734, 756, 778};
  bool right = true;
  for (std::int64_t d = 0; d <= 3000; ++d) {
    const auto after = std::upper_bound(starts.begin(), starts.end(), d) - starts.begin();
    const std::int64_t bucket = d < 80 ? d : 79 + after;
    right =
        right && ser::relative_bucket(-d, 320, 800) == bucket && (d == 0 || ser::relative_bucket(d, 320, 800) == 160 + bucket);
  }
  SER_CHECK(right, "buckets of distances up to 3000");
}

void position() {
  at::Generator generator = at::detail::createCPUGenerator(4);
  for (const std::int64_t kernel : {16, 15, 128}) {
    const auto segments = ser::make_segments({1, 90, 7, 40});
    ser::PositionConv conv{(normal({1, 1, kernel}, generator).abs() + 0.5).requires_grad_(),
                           normal({24, 6, kernel}, generator).requires_grad_(), normal({24}, generator).requires_grad_()};
    const at::Tensor x = normal({segments->total(), 24}, generator).requires_grad_();
    const at::Tensor y = ser::position_conv(x, conv, segments);
    // One by one, the norm as it is defined.
    const at::Tensor norm = conv.direction.square().sum(at::IntArrayRef{0, 1}, true).sqrt();
    std::vector<at::Tensor> parts;
    for (std::int64_t b = 0; b < segments->count(); ++b) {
      const at::Tensor own = rows_of(x, segments, b);
      const at::Tensor out = at::conv1d(own.t().unsqueeze(0), conv.direction * conv.gain / norm, conv.bias, at::IntArrayRef{1},
                                        at::IntArrayRef{kernel / 2}, at::IntArrayRef{1}, 4);
      parts.push_back(own + at::gelu(out[0].narrow(1, 0, own.size(0)).t()));
    }
    const at::Tensor want = at::cat(parts), up = normal(y.sizes(), generator);
    const std::vector<at::Tensor> inputs{x, conv.gain, conv.direction, conv.bias};
    const auto a = torch::autograd::grad({y}, inputs, {up}), b = torch::autograd::grad({want}, inputs, {up});
    double worst = relative_gap(y, want);
    for (std::size_t i = 0; i < inputs.size(); ++i) worst = std::max(worst, relative_gap(a[i], b[i]));
    SER_CHECK_WITHIN(worst, 5e-6, "position code of " + std::to_string(kernel) + " taps and its gradients, one by one");
  }
}

void extractor() {
  // Another shape than the released one: odd sizes, a kernel more than twice its stride, no power of two.
  ser::SslEncoderConfig config = shape(ser::SslFamily::hubert, 1, false, true);
  config.conv_channels = {20, 17, 9};
  config.conv_kernels = {8, 5, 3};
  config.conv_strides = {3, 2, 3};
  at::Generator generator = at::detail::createCPUGenerator(21);
  for (const bool group : {true, false}) {
    config.group_norm = group;
    ser::ParameterSet parameters;
    ser::Initializer initializer(1);
    const ser::ConvExtractor conv(config, {}, parameters, initializer);
    {
      const at::NoGradGuard no_grad;
      for (const auto& parameter : parameters.all()) {
        at::Tensor tensor = parameter.tensor;
        tensor.copy_(normal(tensor.sizes(), generator) * 0.3 + 0.1);
      }
    }
    const auto waves = make_waves({1000, 45, 6000, 5311});
    const std::string name = std::string("extractor of another shape, ") + (group ? "group norm" : "layer norm");
    std::vector<at::Tensor> tensors;
    for (const auto& parameter : parameters.all()) tensors.push_back(parameter.tensor);
    const at::Tensor y = conv.forward(waves), want = conv.forward_composite(waves);
    const at::Tensor up = normal(y.sizes(), generator);
    SER_CHECK_WITHIN(relative_gap(y, want), 5e-6, name + ", against conv1d");
    const auto a = torch::autograd::grad({y}, tensors, {up}), b = torch::autograd::grad({want}, tensors, {up});
    double worst = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      // What comes before a norm over time cancels: this bias has no gradient but rounding.
      if (group && parameters.all()[i].name == "encoder.extractor.0.bias") continue;
      worst = std::max(worst, relative_gap(a[i], b[i]));
    }
    SER_CHECK_WITHIN(worst, 5e-5, name + ", gradients");
    const at::NoGradGuard no_grad;
    SER_CHECK_WITHIN(relative_gap(conv.forward(waves), want), 5e-6, name + ", without gradients");
    SER_CHECK(conv.frames(conv.receptive_field()) == 1 && conv.frames(conv.receptive_field() - 1) == 0,
              name + ", shortest sound");
  }
}

void masks() {
  const ser::DropoutKey key{42, 7, 2};
  double covered = 0, spans = 0;
  bool fits = true, distinct = true;
  for (std::uint32_t utterance = 0; utterance < 400; ++utterance) {
    const auto starts = ser::mask_starts(249, 0.075, 10, 2, key, utterance);
    const std::set<std::int64_t> different(starts.begin(), starts.end());
    distinct = distinct && different.size() == starts.size();
    for (const std::int64_t start : starts) fits = fits && start >= 0 && start + 10 <= 249;
    spans += static_cast<double>(starts.size());
  }
  covered = spans / 400;
  // 0.075 * 249 / 10 = 1.87: one or two by the draw, and at least two.
  SER_CHECK(covered == 2, "at least the least number of spans");
  SER_CHECK(fits && distinct, "spans lie within the utterance, none twice");
  spans = 0;
  for (std::uint32_t utterance = 0; utterance < 2000; ++utterance) {
    spans += static_cast<double>(ser::mask_starts(249, 0.5, 10, 0, key, utterance).size());
  }
  SER_CHECK_WITHIN(std::abs(spans / 2000 - 12.45), 0.05, "the mean number of spans is prob * T / length");
  SER_CHECK(ser::mask_starts(9, 0.5, 10, 2, key, 1).empty(), "an utterance shorter than a span has none");
  SER_CHECK(ser::mask_starts(12, 0.9, 10, 2, key, 1).size() == 1, "no more spans than fit");

  const auto config = shapes().at("wavlm-base-like");
  ser::SslEncoderConfig masked = config;
  masked.spec_augment = {.time_prob = 0.4, .feature_prob = 0.3};
  const auto built = build(masked, all_trained(), "wavlm-base-like");
  const auto waves = make_waves({16000, 9000, 12000});
  ser::EncodeContext context;
  context.training = true;
  context.seed = 5;
  context.step = 9;
  const auto run = [&](const ser::Waves& of) { return built->encoder->hidden(of, context, false); };
  const auto together = run(waves), again = run(waves);
  SER_CHECK(at::equal(together.last, again.last), "a training forward pass repeats itself");
  double worst = 0;
  for (std::size_t b = 0; b < 3; ++b) {
    worst = std::max(worst,
                     gap(run(one_of(waves, b)).last, rows_of(together.last, together.segments, static_cast<std::int64_t>(b))));
  }
  SER_CHECK_WITHIN(worst, 1e-5, "masks do not depend on batch mates");
  context.step = 10;
  SER_CHECK(gap(run(waves).last, together.last) > 1e-2, "the next step has other masks");
}

// What is trained, and what is not kept for a backward pass.
void adaptation() {
  const auto config = shapes().at("wavlm-large-like");
  const auto trained = [&](const ser::AdaptConfig& adapt) {
    std::set<std::string> names;
    const auto built = build(config, adapt, "");
    for (const auto& parameter : built->parameters.all()) {
      if (parameter.placement.trained) names.insert(parameter.name);
    }
    return names;
  };
  ser::AdaptConfig adapt;
  SER_CHECK(trained(adapt).empty(), "frozen: nothing is trained");
  adapt.trainable_layers = 1;
  const auto top = trained(adapt);
  SER_CHECK(top.count("encoder.layers.2.relative.weight") == 1 && top.count("encoder.layers.1.qkv.weight") == 0 &&
                top.count("encoder.relative_embedding") == 0 && top.count("encoder.norm.weight") == 1,
            "the last layer alone: its own tensors and the norm after it");
  adapt.trainable_layers = -1;
  const auto most = trained(adapt);
  SER_CHECK(most.count("encoder.project.weight") == 1 && most.count("encoder.position.weight_v") == 1 &&
                most.count("encoder.relative_embedding") == 1 && most.count("encoder.extractor.0.weight") == 0,
            "all layers: everything but the convolutions");
  adapt.train_extractor = true;
  SER_CHECK(trained(adapt).count("encoder.extractor.0.weight") == 1, "the convolutions too where asked for");

  adapt.train_extractor = false;
  adapt.checkpoint_activations = false;
  const auto waves = make_waves({8000, 5000});
  ser::SslEncoderConfig noisy = config;
  noisy.hidden_dropout = noisy.attention_dropout = 0.2;
  noisy.layer_drop = 0.3;
  ser::EncodeContext context;
  context.training = true;
  context.seed = 1;
  const auto gradient = [&](bool again, std::uint32_t step) {
    ser::AdaptConfig own = adapt;
    own.checkpoint_activations = again;
    context.step = step;
    const auto built = build(noisy, own, "wavlm-large-like");
    const at::Tensor flat = built->parameters.attach_gradients();
    weighted(built->encoder->forward(waves, context).values).backward();
    return flat;
  };
  bool same = true, first_kept = true;
  for (std::uint32_t step = 0; step < 6; ++step) {
    const at::Tensor kept = gradient(false, step);
    same = same && at::equal(kept, gradient(true, step));
  }
  for (std::uint32_t step = 0; step < 30; ++step) {
    context.step = step;
    const auto built = build(noisy, adapt, "wavlm-large-like");
    const at::NoGradGuard no_grad;
    const auto found = built->encoder->hidden(waves, context, true);
    first_kept = first_kept && !at::equal(found.states[0], found.states[1]);
  }
  SER_CHECK(same, "gradients of recomputed layers are bit-equal");
  SER_CHECK(first_kept, "WavLM's first layer is never dropped");
}

void refusals() {
  const auto config = shapes().at("hubert-base-like");
  const auto built = build(config, {}, "hubert-base-like");
  SER_CHECK_ERROR(built->encoder->hidden(make_waves({16000, 399}), {}, false), "E_ARGUMENT", "400 samples");
  ser::AugmentRows augment;
  augment.warp = {1};
  ser::EncodeContext context;
  context.augment = &augment;
  SER_CHECK_ERROR(built->encoder->hidden(make_waves({16000}), context, false), "E_ARGUMENT", "spectrogram");
  ser::SslEncoderConfig bad = config;
  bad.heads = 5;
  SER_CHECK_ERROR(build(bad, {}, ""), "E_ARGUMENT", "divide width");
  bad = config;
  bad.conv_kernels.pop_back();
  SER_CHECK_ERROR(build(bad, {}, ""), "E_ARGUMENT", "same number");
}

}  // namespace

int main() {
  buckets();
  attention();
  attention_reference();
  position();
  extractor();
  for (const auto& [name, config] : shapes()) against_transformers(name, config);
  for (const auto& [name, config] : shapes()) batches(name, config);
  for (const auto& [name, config] : shapes()) half_precision(name, config);
  finite_differences("wavlm-base-like", shapes().at("wavlm-base-like"));
  finite_differences("wavlm-large-like", shapes().at("wavlm-large-like"));
  finite_differences("hubert-large-like", shapes().at("hubert-large-like"));
  masks();
  adaptation();
  refusals();
  return ser::test::finish("ssl");
}
