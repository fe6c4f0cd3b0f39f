// Training on a GPU: the figures of a step against the CPU's, the same bits twice, a resume that goes on with the same bits,
// checkpoints that either device reads, and no wait for the device inside a step (SER_FORBID_SYNC turns one into an error).
#include <ATen/core/grad_mode.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "encoder/pretrained/pretrained_encoder.h"
#include "engine/engine.h"
#include "test/gpu/compare.h"
#include "test/small_training.h"
#include "train/batch.h"

namespace {

using ser::test::bytes_of;

constexpr int kUtterances = 6, kLength = 12000, kClasses = 3;
std::string folder;
const std::atomic<bool> never{false};

// Mixed, masked, with dropout and a row of another length each.
ser::StepRequest request(int step) {
  ser::StepRequest out = ser::test::small_step(step, kUtterances, kLength, 5000, kClasses, ser::MixKind::eam);
  for (int b = 0; b < kUtterances; ++b) {
    out.mix.active.push_back(b % 2 == 0);
    out.augment.warp.push_back(b == 1 ? 1.05f : 1.0f);
    out.augment.time_masks.insert(out.augment.time_masks.end(), {0.25f, 0.1f});
    out.augment.band_masks.insert(out.augment.band_masks.end(), {3, 5});
  }
  return out;
}

struct Session {
  std::unique_ptr<ser::Engine> engine;
  ser::Handle store, model, trainer;

  Session(ser::Device device, ser::Precision precision, std::int64_t accumulate = 1) {
    ser::StartOptions options;
    options.device = device;
    engine = ser::make_engine(options, never);
    store = engine->open_store(folder + "/store", kUtterances * kLength);
    model = engine->create_model(ser::test::small_model(kClasses), 3, 0);
    ser::TrainerConfig config;
    config.average_decay = 0.99;
    config.seed = 77;
    config.precision = precision;
    config.accumulate = accumulate;
    trainer = engine->create_trainer(model, config);
  }
  ser::StepResult step(int n) { return engine->train_step(trainer, store, request(n)); }
};

double off(double found, double expected) { return std::abs(found - expected) / std::max(std::abs(expected), 1e-6); }

std::string trained(ser::Precision precision, int steps, const std::string& name) {
  Session session(ser::Device::cuda, precision);
  for (int n = 0; n < steps; ++n) session.step(n);
  const std::string path = folder + "/" + name;
  session.engine->save_trainer(session.trainer, path, {});
  return bytes_of(path);
}

void against_the_cpu() {
  for (const std::int64_t accumulate : {1, 3}) {
    Session cpu(ser::Device::cpu, ser::Precision::fp32, accumulate), gpu(ser::Device::cuda, ser::Precision::fp32, accumulate);
    double losses = 0, norms = 0;
    int agree = 0;
    for (int n = 0; n < 4; ++n) {
      const ser::StepResult a = cpu.step(n), b = gpu.step(n);
      losses = ser::test::worse(losses, off(b.total, a.total));
      norms = ser::test::worse(norms, off(b.grad_norm, a.grad_norm));
      for (std::size_t i = 0; i < a.predictions.size(); ++i) agree += a.predictions[i] == b.predictions[i];
      SER_CHECK(!b.non_finite && a.mix_skipped == b.mix_skipped, "a sound step, of the same mixes");
    }
    const std::string what = accumulate == 1 ? "" : " in three parts";
    SER_CHECK_WITHIN(losses, 1e-3, "losses of four steps" + what + " against the CPU");
    SER_CHECK_WITHIN(norms, 1e-2, "gradient norms" + what + " against the CPU");
    SER_CHECK(agree >= 4 * kUtterances - 2, "predictions" + what + " are the CPU's but for near ties");
  }
  Session whole(ser::Device::cuda, ser::Precision::fp32), half(ser::Device::cuda, ser::Precision::bf16);
  SER_CHECK_WITHIN(off(half.step(0).total, whole.step(0).total), 0.05, "loss in bf16 against float32");
}

void the_same_bits() {
  for (const ser::Precision precision : {ser::Precision::fp32, ser::Precision::bf16}) {
    const std::string what = precision == ser::Precision::fp32 ? "float32" : "bf16";
    const std::string once = trained(precision, 6, "once"), twice = trained(precision, 6, "twice");
    SER_CHECK(!once.empty() && once == twice, "six steps in " + what + " give the same bytes twice");
    trained(precision, 3, "half");
    Session resumed(ser::Device::cuda, precision);
    resumed.engine->load_trainer(resumed.trainer, folder + "/half");
    for (int n = 3; n < 6; ++n) resumed.step(n);
    resumed.engine->save_trainer(resumed.trainer, folder + "/resumed", {});
    SER_CHECK(bytes_of(folder + "/resumed") == once, "resumed after three of them in " + what + ": the same bytes");
  }
}

void either_device_reads() {
  Session gpu(ser::Device::cuda, ser::Precision::fp32), cpu(ser::Device::cpu, ser::Precision::fp32);
  for (int n = 0; n < 2; ++n) gpu.step(n);
  gpu.engine->save_model(gpu.model, folder + "/model", {});
  cpu.engine->load_model(cpu.model, folder + "/model");
  cpu.engine->save_model(cpu.model, folder + "/again", {});
  SER_CHECK(bytes_of(folder + "/model") == bytes_of(folder + "/again"), "a model goes from the GPU to the CPU unchanged");
  ser::Rows rows = request(0).rows;
  ser::ForwardOptions options;
  options.embedding = options.weights = true;
  const auto a = cpu.engine->forward_rows(cpu.model, cpu.store, rows, options);
  const auto b = gpu.engine->forward_rows(gpu.model, gpu.store, rows, options);
  double most = 0;
  for (std::size_t i = 0; i < a.logits.size(); ++i)
    most = ser::test::worse(most, std::abs(static_cast<double>(a.logits[i]) - static_cast<double>(b.logits[i])));
  SER_CHECK_WITHIN(most, 1e-3, "logits of both devices");
  SER_CHECK(a.frames == b.frames && a.weights.size() == b.weights.size(), "frames and pooling weights of both");
}

// Two steps handed over before the first result is taken, as the binding does.
void steps_in_flight() {
  Session one(ser::Device::cuda, ser::Precision::fp32), other(ser::Device::cuda, ser::Precision::fp32);
  const auto first = one.engine->begin_step(one.trainer, one.store, request(0));
  const auto second = one.engine->begin_step(one.trainer, one.store, request(1));
  const double a = first->result().total, b = second->result().total;
  const double c = other.step(0).total, d = other.step(1).total;
  SER_CHECK(a == c && b == d, "two steps in flight give what they give one after the other");
}

ser::SslEncoderConfig ssl(ser::SslFamily family, bool group_norm) {
  ser::SslEncoderConfig config;
  config.family = family;
  config.group_norm = group_norm;
  config.pre_norm = config.conv_bias = config.normalize = !group_norm;
  config.conv_channels = {32, 32, 32};
  config.conv_kernels = {10, 8, 4};
  config.conv_strides = {5, 8, 4};
  config.width = 64;
  config.layers = 2;
  config.heads = 2;
  config.feed_forward = 128;
  config.position_kernel = 16;
  config.position_groups = 4;
  config.buckets = 32;
  config.max_distance = 80;
  config.hidden_dropout = config.attention_dropout = config.activation_dropout = 0.1;
  config.spec_augment = {0.2, 0.2, 4, 1, 2, 1};
  return config;
}

// Frames of an encoder of drawn weights, and the gradients of all that it trains.
ser::test::Tensors encoded(const ser::EncoderConfig& config, at::Device device) {
  ser::ParameterSet parameters;
  ser::Initializer initializer(1);
  const auto encoder = config.kind == ser::EncoderKind::whisper
                           ? ser::make_whisper_encoder(config.whisper, config.adapt, parameters, initializer)
                           : ser::make_ssl_encoder(config.ssl, config.adapt, parameters, initializer);
  parameters.flatten(device);
  ser::Initializer again(2);
  {
    const at::NoGradGuard no_grad;
    for (const ser::Parameter& parameter : parameters.all()) {
      at::Tensor tensor = parameter.tensor;
      const bool scales = parameter.name.find("norm.weight") != std::string::npos;
      tensor.copy_(again.uniform(tensor.sizes(), 16) + (scales ? 1.0 : 0.0));
    }
  }
  const at::Tensor gradient = parameters.attach_gradients();
  const std::vector<std::int16_t> samples = ser::test::noise_samples(kUtterances * kLength, 9);
  const ser::SampleView view{samples.data(), static_cast<std::int64_t>(samples.size())};
  ser::EncodeContext context;
  context.training = true;
  context.seed = 5;
  context.step = 2;
  const at::Tensor values = encoder->forward(ser::make_waves(view, request(0).rows, device), context).values.to(at::kFloat);
  torch::autograd::backward({values}, {ser::test::upstream_for(values, 0).to(values.options())});
  return {values.detach().to(at::kCPU, at::kDouble), gradient.to(at::kCPU, at::kDouble)};
}

void encoders(at::Device device) {
  const auto compare = [&](const std::string& name, const ser::EncoderConfig& config) {
    try {
      const auto cpu = encoded(config, at::kCPU), gpu = encoded(config, device);
      SER_CHECK_WITHIN(ser::test::distance(gpu[0], cpu[0]), 1e-3, name + ", frames against the CPU");
      SER_CHECK_WITHIN(ser::test::distance(gpu[1], cpu[1]), 1e-2, name + ", gradients against the CPU");
      const auto again = encoded(config, device);
      SER_CHECK(again[0].equal(gpu[0]) && again[1].equal(gpu[1]), name + ": the same bits twice");
    } catch (const std::exception& error) {
      SER_CHECK(false, name + ": " + error.what());
    }
  };
  for (const ser::SslFamily family : {ser::SslFamily::wavlm, ser::SslFamily::hubert}) {
    for (const bool group_norm : {true, false}) {
      for (const bool checkpointed : {false, true}) {
        ser::EncoderConfig config;
        config.kind = ser::EncoderKind::ssl;
        config.ssl = ssl(family, group_norm);
        config.adapt.trainable_layers = -1;
        config.adapt.train_extractor = true;
        config.adapt.checkpoint_activations = checkpointed;
        compare(std::string(family == ser::SslFamily::wavlm ? "WavLM" : "HuBERT") +
                    (group_norm ? ", group norm" : ", layer norm") + (checkpointed ? ", recomputed" : ""),
                config);
      }
    }
  }
  ser::EncoderConfig config;
  config.kind = ser::EncoderKind::whisper;
  config.whisper.width = 64;
  config.whisper.layers = 2;
  config.whisper.heads = 2;
  config.whisper.feed_forward = 128;
  config.adapt.trainable_layers = -1;
  compare("Whisper", config);
}

}  // namespace

int main() {
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  ::setenv("SER_FORBID_SYNC", "1", /*overwrite=*/1);
  const auto device = ser::test::gpu("device_training_test");
  if (!device) return ser::test::kSkipped;
  folder = (std::filesystem::temp_directory_path() / ("ser-gpu-" + std::to_string(::getpid()))).string();
  std::filesystem::create_directories(folder);
  ser::test::write_samples(folder + "/store", ser::test::noise_samples(kUtterances * kLength, 0));
  const auto attempt = [](const char* what, const std::function<void()>& work) {
    try {
      work();
    } catch (const std::exception& error) {
      SER_CHECK(false, std::string(what) + ": " + error.what());
    }
  };
  attempt("against the CPU", against_the_cpu);
  attempt("the same bits", the_same_bits);
  attempt("either device reads", either_device_reads);
  attempt("steps in flight", steps_in_flight);
  attempt("encoders", [&] { encoders(*device); });
  std::filesystem::remove_all(folder);
  return ser::test::finish("device_training_test");
}
