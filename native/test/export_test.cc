// An encoder that was changed by training, written as transformers names its tensors and read back.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <filesystem>
#include <set>

#include "engine/model.h"
#include "test/check.h"
#include "weights/checkpoint.h"

namespace {

namespace fs = std::filesystem;

std::string fixture(const std::string& name) {
  static const fs::path root = fs::path(__FILE__).parent_path().parent_path().parent_path();
  return (root / "test/fixtures/encoders" / name / "model.safetensors").string();
}

// The models of the fixtures.
ser::EncoderConfig wavlm(bool large) {
  ser::EncoderConfig config;
  config.kind = ser::EncoderKind::ssl;
  ser::SslEncoderConfig& ssl = config.ssl;
  ssl.family = ser::SslFamily::wavlm;
  ssl.conv_channels.assign(7, 12);
  ssl.conv_kernels = {10, 3, 3, 3, 3, 2, 2};
  ssl.conv_strides = {5, 2, 2, 2, 2, 2, 2};
  ssl.group_norm = !large;
  ssl.pre_norm = large;
  ssl.normalize = large;
  ssl.width = 32;
  ssl.layers = 3;
  ssl.heads = 2;
  ssl.feed_forward = 48;
  ssl.position_kernel = large ? 15 : 16;
  ssl.position_groups = 4;
  ssl.spec_augment.time_prob = 0.05;
  return config;
}

ser::EncoderConfig whisper() {
  ser::EncoderConfig config;
  config.kind = ser::EncoderKind::whisper;
  config.whisper.bands = 20;
  config.whisper.width = 32;
  config.whisper.layers = 2;
  config.whisper.heads = 2;
  config.whisper.feed_forward = 56;
  config.whisper.positions = 50;
  return config;
}

ser::ModelConfig model_of(const ser::EncoderConfig& encoder) {
  ser::ModelConfig config;
  static_cast<ser::EncoderConfig&>(config) = encoder;
  config.classes = 3;
  config.pooling = ser::Pooling::mean;
  return config;
}

// Two utterances' sounds, one of them short.
ser::Waves sounds() {
  at::Generator generator = at::detail::createCPUGenerator(3);
  return {at::randn({16000}, generator, at::TensorOptions(at::kFloat)) * 0.1, {12000, 4000}, {1, 2}};
}

void round_trip(const std::string& name, ser::EncoderConfig encoder, const std::string& prefix, bool adapters) {
  if (adapters) {
    encoder.adapt.lora_rank = 2;
  } else {
    encoder.adapt.trainable_layers = -1;
    encoder.adapt.train_extractor = true;
  }
  const std::string what = name + (adapters ? ", adapters" : ", all trained");
  const at::NoGradGuard no_grad;
  ser::Model model(model_of(encoder), 1, at::kCPU);
  SER_CHECK_ERROR(model.encoder_tensors(prefix), "E_ARGUMENT", "no weights yet");
  model.load_pretrained({fixture(name)});
  const ser::Waves waves = sounds();
  const at::Tensor before = model.encode(waves, {}).values.clone();
  // As if trained.
  at::Generator generator = at::detail::createCPUGenerator(8);
  for (const auto& parameter : model.parameters().all()) {
    if (!parameter.placement.trained) continue;
    at::Tensor tensor = parameter.tensor;
    tensor.add_(at::randn(tensor.sizes(), generator, at::TensorOptions(at::kFloat)), 0.05);
  }
  const at::Tensor after = model.encode(waves, {}).values;
  SER_CHECK((after - before).abs().max().item<double>() > 1e-2, what + ": training has changed the frames");

  const std::string path = (fs::temp_directory_path() / ("ser-export-" + name + ".safetensors")).string();
  ser::write_safetensors(path, model.encoder_tensors(prefix), {{"format", "pt"}});
  std::set<std::string> own, original;
  bool single = true;
  // Either spelling of weight norm is transformers' own; the fixtures have the newer one.
  const auto older = [](std::string tensor_name) {
    for (const auto& [from, to] : {std::pair("parametrizations.weight.original0", "weight_g"),
                                   std::pair("parametrizations.weight.original1", "weight_v")}) {
      if (const auto at = tensor_name.find(from); at != std::string::npos) tensor_name.replace(at, std::string::npos, to);
    }
    return tensor_name;
  };
  for (const auto& [tensor_name, tensor] : ser::read_safetensors(path).tensors) {
    own.insert(tensor_name);
    single = single && tensor.scalar_type() == at::kFloat;
  }
  SER_CHECK(single, what + ": all tensors are float32");
  for (const auto& [tensor_name, tensor] : ser::read_safetensors(fixture(name)).tensors) {
    if (!tensor_name.starts_with("model.decoder.") && tensor_name != "proj_out.weight") original.insert(older(tensor_name));
  }
  SER_CHECK(own == original, what + ": the names that transformers gave");

  const ser::LoneEncoder read_back(encoder, {path}, at::kCPU);
  const at::Tensor found = read_back.forward(waves, false).last;
  SER_CHECK_WITHIN((found - after).abs().max().item<double>(), 1e-5, what + ": the exported encoder gives the model's frames");
  fs::remove(path);
}

void refusals() {
  ser::ModelConfig config;
  config.classes = 3;
  const ser::Model model(config, 1, at::kCPU);
  SER_CHECK_ERROR(model.encoder_tensors(""), "E_ARGUMENT", "mel encoder");
}

}  // namespace

int main() {
  for (const bool adapters : {true, false}) {
    round_trip("wavlm-base-like", wavlm(false), "", adapters);
    round_trip("wavlm-large-like", wavlm(true), "", adapters);
    round_trip("whisper-tiny", whisper(), "model.", adapters);
  }
  refusals();
  return ser::test::finish("export");
}
