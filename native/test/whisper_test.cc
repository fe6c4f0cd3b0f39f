// Whisper's encoder and the layer that all pretrained encoders share, against what transformers computes
// (scripts/fixtures/whisper-fixture.py) and against themselves.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "encoder/pretrained/layer.h"
#include "encoder/pretrained/log_mel.h"
#include "encoder/pretrained/pretrained_encoder.h"
#include "encoder/segment_attention.h"
#include "engine/model.h"
#include "test/check.h"

namespace {

using Tensors = std::map<std::string, at::Tensor>;

const std::filesystem::path& root() {
  static const std::filesystem::path path = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  return path;
}

Tensors read(const std::filesystem::path& path) {
  const auto file = ser::read_safetensors(path.string());
  return {file.tensors.begin(), file.tensors.end()};
}

Tensors fixture(const std::string& name) {
  return read(root() / "test/fixtures/encoders/whisper-tiny" / (name + ".safetensors"));
}

double gap(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return INFINITY;
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// Of the largest value of b.
double relative_gap(const at::Tensor& a, const at::Tensor& b) {
  return gap(a, b) / std::max(1e-30, b.abs().max().item<double>());
}

ser::WhisperEncoderConfig tiny(bool window30 = false) {
  ser::WhisperEncoderConfig config;
  config.bands = 20;
  config.width = 32;
  config.layers = 2;
  config.heads = 2;
  config.feed_forward = 56;
  config.positions = 50;
  config.window30 = window30;
  return config;
}

ser::AdaptConfig all_trained() {
  ser::AdaptConfig adapt;
  adapt.trainable_layers = -1;
  return adapt;
}

const std::string kPrefix = "model.";

void fill(const ser::PretrainedEncoder& encoder, const Tensors& file, const std::string& prefix = kPrefix) {
  for (const auto& target : encoder.checkpoint_targets()) target.tensor.copy_(file.at(prefix + target.name));
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

std::unique_ptr<Built> build(const ser::WhisperEncoderConfig& config, const ser::AdaptConfig& adapt) {
  auto built = std::make_unique<Built>();
  ser::Initializer initializer(5);
  built->encoder = ser::make_whisper_encoder(config, adapt, built->parameters, initializer);
  built->parameters.flatten(at::kCPU);
  return built;
}

std::unique_ptr<Built> build_filled(const ser::WhisperEncoderConfig& config, const ser::AdaptConfig& adapt) {
  auto built = build(config, adapt);
  fill(*built->encoder, fixture("model"));
  return built;
}

ser::Waves make_waves(const std::vector<std::int64_t>& lengths) {
  ser::Waves waves;
  at::Generator generator = at::detail::createCPUGenerator(1);
  std::vector<at::Tensor> rows;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    const at::Tensor time = at::arange(lengths[b], at::TensorOptions(at::kFloat));
    rows.push_back((time * (0.05 * static_cast<double>(b + 1))).sin() * 0.2 +
                   at::randn({lengths[b]}, generator, at::TensorOptions(at::kFloat)) * 0.001);
    waves.keys.push_back(static_cast<std::uint32_t>(100 + b));
  }
  waves.lengths = lengths;
  waves.samples = at::cat(rows);
  return waves;
}

ser::Waves part_of(const ser::Waves& waves, std::int64_t start, std::int64_t length, std::uint32_t key) {
  return {waves.samples.narrow(0, start, length).contiguous(), {length}, {key}};
}

ser::Waves fixture_waves(const Tensors& expected) {
  ser::Waves waves;
  waves.samples = expected.at("samples");
  const at::Tensor& lengths = expected.at("lengths");
  for (std::int64_t b = 0; b < lengths.size(0); ++b) {
    waves.lengths.push_back(lengths[b].item<std::int64_t>());
    waves.keys.push_back(static_cast<std::uint32_t>(b));
  }
  return waves;
}

ser::EncodeContext training(std::uint32_t step = 3) {
  ser::EncodeContext context;
  context.training = true;
  context.seed = 11;
  context.step = step;
  return context;
}

void spectrogram() {
  const Tensors expected = fixture("expected");
  const ser::Waves sounds = fixture_waves(expected);
  SER_CHECK_WITHIN(gap(ser::log_mel(sounds.samples, sounds.lengths, 20, 16000), expected.at("window30.mel")), 1e-5,
                   "log-mel of padded sounds against transformers");
  SER_CHECK_WITHIN(gap(ser::log_mel(sounds.samples, sounds.lengths, 20), expected.at("own.mel")), 1e-5,
                   "log-mel of sounds at their own lengths against transformers");
  const ser::Waves waves = make_waves({400, 201, 16000, 16159, 40961, 559});
  for (const std::int64_t bands : {80, 128}) {
    for (const std::int64_t pad_to : {0, 32000}) {
      const at::Tensor fast = ser::log_mel(waves.samples, waves.lengths, bands, pad_to);
      const at::Tensor slow = ser::log_mel_composite(waves.samples, waves.lengths, bands, pad_to);
      SER_CHECK_WITHIN(
          gap(fast, slow), 2e-6,
          "log-mel of " + std::to_string(bands) + " bands, padded to " + std::to_string(pad_to) + ", against LibTorch's FFT");
    }
  }
  SER_CHECK_ERROR(ser::log_mel(waves.samples.narrow(0, 0, 200), {200}, 80), "E_ARGUMENT", "more than 200 samples");
  at::Tensor damaged = waves.samples.clone();
  damaged[17] = std::nan("");
  SER_CHECK(ser::log_mel(damaged, waves.lengths, 80).isnan().any().item<bool>(), "damaged audio is not hidden");
}

void parity() {
  const Tensors expected = fixture("expected");
  const ser::Waves waves = fixture_waves(expected);
  for (const bool window30 : {true, false}) {
    const std::string mode = window30 ? "window30" : "own";
    const auto built = build_filled(tiny(window30), {});
    const ser::HiddenStates found = built->encoder->hidden(waves, {}, true);
    SER_CHECK(found.states.size() == 3, mode + ": one state more than layers");
    for (std::size_t n = 0; n < found.states.size(); ++n) {
      SER_CHECK_WITHIN(gap(found.states[n], expected.at(mode + ".states." + std::to_string(n))), 1e-5,
                       mode + ": hidden state " + std::to_string(n) + " against transformers");
    }
    SER_CHECK_WITHIN(gap(found.last, expected.at(mode + ".last")), 1e-5, mode + ": last hidden state against transformers");
    SER_CHECK(at::equal(built->encoder->forward(waves, {}).values, found.last), mode + ": forward returns the last state");
    SER_CHECK(built->encoder->hidden(waves, {}, false).states.empty(), mode + ": states only where asked for");
  }
}

void gradients() {
  const Tensors expected = fixture("expected"), wanted = fixture("gradients");
  const ser::Waves waves = fixture_waves(expected);
  const auto built = build_filled(tiny(true), all_trained());
  built->parameters.attach_gradients();
  torch::autograd::backward({(built->encoder->hidden(waves, {}, false).last * expected.at("upstream")).sum()});
  // Gradients under the checkpoint's names: what an encoder names that holds them in the place of its parameters.
  const auto holder = build(tiny(true), all_trained());
  for (std::size_t i = 0; i < holder->parameters.all().size(); ++i) {
    const at::Tensor& from = built->parameters.all()[i].tensor;
    if (from.grad().defined()) holder->parameters.all()[i].tensor.detach().copy_(from.grad());
  }
  std::size_t compared = 0;
  double worst = 0;
  for (const auto& target : holder->encoder->checkpoint_targets()) {
    if (target.name == "encoder.embed_positions.weight") continue;
    worst = std::max(worst, relative_gap(target.tensor, wanted.at(kPrefix + target.name)));
    ++compared;
  }
  SER_CHECK(compared == wanted.size(), "every tensor that transformers trains has a gradient");
  SER_CHECK_WITHIN(worst, 1e-4, "gradients of all parameters against transformers");
}

void checkpoint_names() {
  const auto check = [](const Tensors& file, const ser::PretrainedEncoder& encoder, const std::string& what) {
    const auto targets = encoder.checkpoint_targets();
    std::size_t left = 0, missing = 0;
    for (const auto& [name, tensor] : file) {
      const auto ignored = encoder.ignored_tensors();
      const std::string bare = name.rfind(kPrefix, 0) == 0 ? name.substr(kPrefix.size()) : name;
      const bool known =
          std::any_of(targets.begin(), targets.end(),
                      [&](const auto& target) { return target.name == bare && target.tensor.sizes() == tensor.sizes(); }) ||
          std::any_of(ignored.begin(), ignored.end(), [&](const auto& prefix) { return bare.rfind(prefix, 0) == 0; });
      left += known ? 0 : 1;
    }
    for (const auto& target : targets) missing += file.count(kPrefix + target.name) == 1 ? 0 : 1;
    SER_CHECK(left == 0 && missing == 0, what + ": the checkpoint and the encoder name the same tensors");
  };
  check(fixture("model"), *build(tiny(), {})->encoder, "tiny");
  const auto real = root() / "../shared/models/whisper-tiny.en/model.safetensors";
  if (std::filesystem::exists(real)) {
    check(read(real), *build({}, {})->encoder, "whisper-tiny.en");
  } else {
    std::printf("  skip  ../shared/models/whisper-tiny.en is not there: names of the real checkpoint\n");
  }
}

void independence() {
  const auto waves = make_waves({16000, 400, 9999, 15999, 40000});
  for (const bool window30 : {true, false}) {
    const auto built = build_filled(tiny(window30), {});
    const ser::Frames together = built->encoder->forward(waves, {});
    double worst = 0;
    std::int64_t start = 0;
    for (std::size_t b = 0; b < waves.lengths.size(); ++b) {
      const auto alone = built->encoder->forward(part_of(waves, start, waves.lengths[b], waves.keys[b]), {});
      start += waves.lengths[b];
      const auto row = static_cast<std::int64_t>(b);
      worst = std::max(
          worst, gap(together.values.narrow(0, together.segments->offsets[b], together.segments->length(row)), alone.values));
    }
    SER_CHECK_WITHIN(worst, 1e-5, std::string(window30 ? "window30" : "own") + ": frames alone and in a batch");
  }
}

void lengths() {
  const auto own = build_filled(tiny(false), {}), padded = build_filled(tiny(true), {});
  const auto frames = [](const Built& built, std::int64_t samples) {
    return built.encoder->forward(make_waves({samples}), {}).segments->length(0);
  };
  SER_CHECK(frames(*own, 400) == 1 && frames(*own, 480) == 2 && frames(*own, 799) == 2 && frames(*own, 8000) == 25 &&
                frames(*own, 16000) == 50,
            "own length: ceil(floor(N / 160) / 2) frames");
  SER_CHECK(frames(*own, 16001) == 50 && frames(*own, 40000) == 125, "own length: sound over one window keeps its frame rate");
  SER_CHECK(frames(*padded, 400) == 50 && frames(*padded, 16000) == 50 && frames(*padded, 16001) == 100 &&
                frames(*padded, 40000) == 150,
            "window30: every window has all positions");
  SER_CHECK_ERROR(frames(*own, 399), "E_ARGUMENT", "at least 400 samples");

  // 2.5 windows: three of 13,440, 13,440 and 13,120 samples, or two full ones and one of 8,000.
  const auto waves = make_waves({40000});
  for (const bool window30 : {true, false}) {
    const auto& built = window30 ? padded : own;
    const std::vector<std::int64_t> cuts =
        window30 ? std::vector<std::int64_t>{0, 16000, 32000, 40000} : std::vector<std::int64_t>{0, 13440, 26880, 40000};
    std::vector<at::Tensor> parts;
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      parts.push_back(built->encoder->forward(part_of(waves, cuts[i], cuts[i + 1] - cuts[i], 0), {}).values);
    }
    SER_CHECK_WITHIN(gap(built->encoder->forward(waves, {}).values, at::cat(parts)), 1e-5,
                     std::string(window30 ? "window30" : "own") + ": long sound is its windows, one after the other");
  }
  bool bounded = true;
  for (std::int64_t samples = 16000; samples < 49000; samples += 331) bounded = bounded && frames(*own, samples) > 0;
  SER_CHECK(bounded, "every length can be cut");
}

// Loss and gradients of one training step.
std::pair<at::Tensor, at::Tensor> step_of(const Built& built, ser::ParameterSet& parameters, ser::Precision precision,
                                          bool backward_inside = false) {
  const ser::Waves waves = make_waves({9000, 700, 16000});
  at::Tensor gradient = parameters.attach_gradients();
  at::Tensor values;
  {
    const ser::PrecisionScope scope(precision, at::kCPU);
    values = built.encoder->forward(waves, training()).values;
    if (backward_inside) torch::autograd::backward({values.square().sum()});
  }
  if (!backward_inside) torch::autograd::backward({values.square().sum()});
  return {values.detach(), gradient};
}

void checkpointing() {
  ser::WhisperEncoderConfig config = tiny();
  config.dropout = 0.1;
  config.activation_dropout = 0.2;
  const Tensors model = fixture("model");
  struct Case {
    std::string name;
    ser::AdaptConfig adapt;
  };
  std::vector<Case> cases{{"all trained", all_trained()}, {"last layer trained", {}}, {"adapters", {}}};
  cases[1].adapt.trainable_layers = 1;
  cases[2].adapt.lora_rank = 3;
  cases[2].adapt.lora_dropout = 0.1;
  for (const Case& one : cases) {
    for (const auto precision : {ser::Precision::fp32, ser::Precision::bf16}) {
      ser::AdaptConfig adapt = one.adapt;
      const auto plain = build(config, adapt);
      adapt.checkpoint_activations = true;
      const auto replayed = build(config, adapt);
      for (const Built* built : {plain.get(), replayed.get()}) {
        fill(*built->encoder, model);
        at::Generator generator = at::detail::createCPUGenerator(9);
        for (const auto& parameter : built->parameters.all()) {
          if (parameter.name.find("lora_up") != std::string::npos) parameter.tensor.detach().normal_(0, 0.1, generator);
        }
      }
      const std::string name = one.name + (precision == ser::Precision::bf16 ? ", bf16" : ", fp32");
      const auto a = step_of(*plain, plain->parameters, precision), b = step_of(*replayed, replayed->parameters, precision);
      SER_CHECK(at::equal(a.first, b.first), name + ": frames are the same with recomputation");
      SER_CHECK(a.second.abs().max().item<double>() > 0 && at::equal(a.second, b.second),
                name + ": gradients are the same with recomputation, bit by bit");
      const auto c = step_of(*replayed, replayed->parameters, precision, /*backward_inside=*/true);
      SER_CHECK_WITHIN(relative_gap(c.second, a.second), precision == ser::Precision::bf16 ? 0.02 : 0,
                       name + ": and where autocast is still on in the backward pass");
    }
  }
}

void adapters() {
  const ser::Waves waves = make_waves({9000, 700});
  ser::AdaptConfig adapt;
  adapt.lora_rank = 3;
  const auto plain = build_filled(tiny(), {}), adapted = build_filled(tiny(), adapt);
  const at::Tensor before = plain->encoder->forward(waves, {}).values;
  SER_CHECK(at::equal(adapted->encoder->forward(waves, {}).values.detach(), before), "a new adapter changes nothing");
  std::size_t trained = 0;
  for (const auto& parameter : adapted->parameters.all()) {
    const bool lora = parameter.name.find("lora") != std::string::npos;
    if (lora != parameter.placement.trained) trained = 1000;
    trained += lora ? 1 : 0;
  }
  SER_CHECK(trained == 8, "adapters, two tensors on qkv and out of each layer, are all that is trained");

  ser::Initializer initializer(2);
  for (const std::int64_t parts : {1, 3}) {
    const std::int64_t in = 10, out = 12, rank = 2;
    ser::Projection projection(initializer.uniform({out, in}, in), initializer.uniform({out}, in));
    ser::Adapter adapter;
    adapter.down = initializer.uniform({parts * rank, in}, in);
    adapter.up = initializer.uniform({parts, out / parts, rank}, rank);
    adapter.scale = 1.7;
    adapter.parts = parts;
    const at::Tensor x = initializer.uniform({7, in}, 1);
    const auto segments = ser::make_segments({7});
    std::vector<at::Tensor> blocks;
    for (std::int64_t p = 0; p < parts; ++p) {
      blocks.push_back(at::matmul(at::matmul(x, adapter.down.narrow(0, p * rank, rank).t()), adapter.up[p].t()) * 1.7);
    }
    const at::Tensor wanted = at::linear(x, projection.weight(), projection.bias()) + at::cat(blocks, 1);
    projection.adapt(adapter);
    const std::string name = "an adapter of " + std::to_string(parts) + " parts";
    SER_CHECK_WITHIN(gap(projection.forward(x, segments, false, {}), wanted), 1e-5, name + " against its parts one by one");
    SER_CHECK_WITHIN(gap(at::linear(x, projection.merged_weight(), projection.bias()), wanted), 1e-5, name + ", merged");
  }
}

void freezing() {
  const ser::Waves waves = make_waves({9000, 700});
  ser::AdaptConfig adapt;
  const auto frozen = build_filled(tiny(), adapt);
  SER_CHECK(!frozen->encoder->hidden(waves, training(), false).last.requires_grad(), "a frozen encoder keeps no graph");
  adapt.trainable_layers = 1;
  const auto last = build_filled(tiny(), adapt);
  const auto states = last->encoder->hidden(waves, training(), true).states;
  SER_CHECK(!states[0].requires_grad() && !states[1].requires_grad() && states[2].requires_grad(),
            "the graph starts at the first trained layer");
  SER_CHECK(!last->get("encoder.conv1.weight").requires_grad() && last->get("encoder.norm.weight").requires_grad() &&
                !last->get("encoder.layers.0.qkv.weight").requires_grad(),
            "trainable_layers 1: the last layer and the final norm");
  const auto all = build(tiny(), all_trained());
  SER_CHECK(all->get("encoder.conv1.weight").requires_grad() && !all->get("encoder.positions").requires_grad(),
            "trainable_layers -1: everything but the positions");

  adapt = all_trained();
  adapt.layer_decay = 0.5;
  SER_CHECK(ser::place_layer(adapt, 12, 12).rate == 1 && ser::place_layer(adapt, 11, 12).rate == 0.5 &&
                ser::place_layer(adapt, 10, 12).rate == 0.25 && ser::place_layer(adapt, -1, 1).rate == 0.25,
            "each layer learns at a share of the rate above it");
  adapt.rate = 0.1;
  SER_CHECK(ser::place_layer(adapt, 12, 12).rate == 0.1 && ser::place_layer(adapt, 11, 12).rate == 0.05,
            "the encoder as a whole learns at a share of the head's rate");
  adapt.rate = 1;
  adapt.lora_rank = 2;
  const auto decayed = build(tiny(), adapt);
  for (const auto& parameter : decayed->parameters.all()) {
    if (parameter.name == "encoder.layers.0.qkv.lora_down") {
      SER_CHECK(parameter.placement.trained && parameter.placement.rate == 0.25, "adapters, too");
    }
  }
}

void layer_drop() {
  const ser::Waves waves = make_waves({9000, 700});
  ser::WhisperEncoderConfig config = tiny();
  config.layer_drop = 0.5;
  const auto built = build_filled(config, {});
  int dropped[2] = {0, 0}, both = 0;
  for (std::uint32_t step = 0; step < 200; ++step) {
    const auto states = built->encoder->hidden(waves, training(step), true).states;
    const bool first = at::equal(states[0], states[1]), second = at::equal(states[1], states[2]);
    dropped[0] += first ? 1 : 0;
    dropped[1] += second ? 1 : 0;
    both += first && second ? 1 : 0;
  }
  SER_CHECK(dropped[0] > 75 && dropped[0] < 125 && dropped[1] > 75 && dropped[1] < 125 && both > 30 && both < 70,
            "layers are dropped at the given rate, each for itself");
  const auto states = built->encoder->hidden(waves, {}, true).states;
  SER_CHECK(!at::equal(states[0], states[1]) && !at::equal(states[1], states[2]), "none outside training");
  SER_CHECK(at::equal(built->encoder->forward(waves, training(7)).values, built->encoder->forward(waves, training(7)).values),
            "a step repeats itself");
}

void layer_sum() {
  const ser::Waves waves = make_waves({9000, 700});
  ser::AdaptConfig adapt;
  adapt.layer_sum = true;
  const auto built = build_filled(tiny(), adapt);
  const auto states = built->encoder->hidden(waves, {}, true).states;
  const at::Tensor stacked = at::stack(states);
  SER_CHECK_WITHIN(gap(built->encoder->forward(waves, {}).values, stacked.mean(0)), 1e-6, "the learned sum starts as the mean");
  at::Tensor mix = built->get("encoder.layer_mix");
  mix.detach().copy_(at::tensor({0.3f, -0.7f, 1.1f}));
  const at::Tensor found = built->encoder->forward(waves, {}).values;
  const at::Tensor wanted = (stacked * at::softmax(mix, 0).view({3, 1, 1})).sum(0);
  SER_CHECK_WITHIN(gap(found, wanted), 1e-6, "the learned sum against its definition");
  const at::Tensor up = at::sin(at::arange(found.numel(), at::TensorOptions(at::kFloat))).view(found.sizes());
  SER_CHECK_WITHIN(
      relative_gap(torch::autograd::grad({found}, {mix}, {up})[0], torch::autograd::grad({wanted}, {mix}, {up})[0]), 1e-4,
      "gradient of its weights");
}

// Gradients of one layer in float64 against differences.
void layer_differences() {
  const auto segments = ser::make_segments({5, 1, 8}, {4, 5, 6});
  for (const bool pre_norm : {true, false}) {
    for (const bool recompute : {false, true}) {
      ser::LayerConfig config;
      config.width = 12;
      config.heads = 3;
      config.feed_forward = 10;
      config.pre_norm = pre_norm;
      config.hidden_dropout = 0.2;
      config.activation_dropout = 0.1;
      config.key_bias = pre_norm;
      ser::AdaptConfig adapt;
      adapt.lora_rank = 2;
      adapt.lora_dropout = 0.25;
      adapt.checkpoint_activations = recompute;
      ser::ParameterSet parameters;
      ser::Initializer initializer(3);
      const ser::TransformerLayer layer(config, adapt, {true, 1}, "l.", 1, parameters, initializer);
      at::Generator generator = at::detail::createCPUGenerator(8);
      const auto normal = [&](at::IntArrayRef shape) {
        return at::randn(shape, generator, at::TensorOptions(at::kDouble)) * 0.6;
      };
      std::vector<at::Tensor> inputs, directions;
      for (const auto& parameter : parameters.all()) {
        at::Tensor handle = parameter.tensor;
        handle.set_data(normal(handle.sizes()));
        inputs.push_back(handle);
      }
      inputs.push_back(normal({segments->total(), 12}).requires_grad_());
      // A tensor that attention reads, as WavLM's gates are read, and which is no leaf.
      const at::Tensor gate = normal({12}).requires_grad_();
      inputs.push_back(gate);
      const at::Tensor up = normal({segments->total(), 12});
      const auto loss = [&] {
        const at::Tensor gain = gate.exp();
        const auto attend = [&segments, gain](const at::Tensor& qkv, const at::Tensor& input) {
          return ser::segment_attention(qkv, 3, segments) + input * gain;
        };
        return (layer.forward(inputs[inputs.size() - 2], segments, training(), attend, {gain}) * up).sum();
      };
      const auto found = torch::autograd::grad({loss()}, inputs);
      double worst = 0;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        const at::NoGradGuard no_grad;
        const double h = 1e-6;
        const at::Tensor direction = normal(inputs[i].sizes()), data = inputs[i].detach();
        data.add_(direction, h);
        const double above = loss().item<double>();
        data.sub_(direction, 2 * h);
        const double below = loss().item<double>();
        data.add_(direction, h);
        const double slope = (above - below) / (2 * h), wanted = (found[i] * direction).sum().item<double>();
        worst = std::max(worst, std::abs(slope - wanted) / std::max(1.0, std::abs(wanted)));
      }
      SER_CHECK_WITHIN(worst, 1e-6,
                       std::string("gradients of a ") + (pre_norm ? "pre-norm" : "post-norm") + " layer against differences" +
                           (recompute ? ", recomputed" : ""));
    }
  }
}

void augmentation() {
  const ser::Waves waves = make_waves({9000, 700});
  const auto built = build_filled(tiny(true), {});
  const at::Tensor plain = built->encoder->forward(waves, {}).values;
  ser::AugmentRows rows;
  ser::EncodeContext context;
  context.augment = &rows;
  SER_CHECK(at::equal(built->encoder->forward(waves, context).values, plain), "augmentation of nothing changes nothing");
  rows.time_masks = {0.5f, 0.2f, 0, 0};
  rows.band_masks = {2, 3, 0, 0};
  const at::Tensor masked = built->encoder->forward(waves, context).values;
  SER_CHECK(gap(masked.narrow(0, 0, 50), plain.narrow(0, 0, 50)) > 1e-3, "masks change their utterance");
  SER_CHECK_WITHIN(gap(masked.narrow(0, 50, 50), plain.narrow(0, 50, 50)), 1e-5, "and no other");
  rows.warp = {1, 1.1f};
  SER_CHECK_ERROR(built->encoder->forward(waves, context), "E_ARGUMENT", "warp");
}

void refusals() {
  ser::WhisperEncoderConfig config = tiny();
  config.attention_dropout = 0.1;
  SER_CHECK_ERROR(build(config, {}), "E_ARGUMENT", "attention_dropout must be 0");
  config = tiny();
  config.heads = 5;
  SER_CHECK_ERROR(build(config, {}), "E_ARGUMENT", "must divide");
  config = tiny();
  config.layer_drop = 1;
  SER_CHECK_ERROR(build(config, {}), "E_ARGUMENT", "layer_drop");
}

}  // namespace

int main() {
  spectrogram();
  parity();
  gradients();
  checkpoint_names();
  independence();
  lengths();
  checkpointing();
  adapters();
  freezing();
  layer_drop();
  layer_sum();
  layer_differences();
  augmentation();
  refusals();
  return ser::test::finish("whisper");
}
