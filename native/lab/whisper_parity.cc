// Hidden states of a Whisper checkpoint for scripts/parity/whisper.py:  whisper_parity CHECKPOINT WAVES OUT [runs]
// WAVES holds `samples` (float32, one after the other) and `lengths` (int64). OUT gets, for each mode (window30, own), MODE.mel,
// MODE.states.N and MODE.last. With `runs`, prints how long a forward and a training pass take.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "encoder/pretrained/log_mel.h"
#include "encoder/pretrained/pretrained_encoder.h"
#include "engine/arena.h"
#include "engine/model.h"

namespace {

using Clock = std::chrono::steady_clock;

template <typename Work>
double best_ms(int runs, const Work& work) {
  double best = 1e30;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    work();
    best = std::min(best, std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  return best;
}

std::map<std::string, at::Tensor> read(const char* path) {
  const auto file = ser::read_safetensors(path);
  return {file.tensors.begin(), file.tensors.end()};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: whisper_parity CHECKPOINT WAVES OUT [runs]\n");
    return 2;
  }
  ser::install_arena();
  const auto checkpoint = read(argv[1]), input = read(argv[2]);
  const int runs = argc > 4 ? std::atoi(argv[4]) : 0;
  const std::string prefix = "model.";
  ser::WhisperEncoderConfig config;
  const at::Tensor& conv = checkpoint.at(prefix + "encoder.conv1.weight");
  config.width = conv.size(0);
  config.bands = conv.size(1);
  config.heads = config.width / 64;
  config.positions = checkpoint.at(prefix + "encoder.embed_positions.weight").size(0);
  config.feed_forward = checkpoint.at(prefix + "encoder.layers.0.fc1.weight").size(0);
  config.layers = 0;
  while (checkpoint.count(prefix + "encoder.layers." + std::to_string(config.layers) + ".fc1.weight") == 1) ++config.layers;

  ser::Waves waves;
  waves.samples = input.at("samples");
  for (std::int64_t b = 0; b < input.at("lengths").size(0); ++b) {
    waves.lengths.push_back(input.at("lengths")[b].item<std::int64_t>());
    waves.keys.push_back(static_cast<std::uint32_t>(b));
  }
  ser::NamedTensors out;
  for (const bool window30 : {true, false}) {
    const std::string mode = window30 ? "window30" : "own";
    config.window30 = window30;
    const auto make = [&](std::int64_t trainable_layers, ser::ParameterSet& parameters) {
      ser::AdaptConfig adapt;
      adapt.trainable_layers = trainable_layers;
      ser::Initializer initializer(1);
      auto encoder = ser::make_whisper_encoder(config, adapt, parameters, initializer);
      parameters.flatten(at::kCPU);
      for (const auto& target : encoder->checkpoint_targets()) target.tensor.copy_(checkpoint.at(prefix + target.name));
      return encoder;
    };
    ser::ParameterSet parameters, trained_parameters;
    const auto encoder = make(0, parameters);
    const std::int64_t pad_to = window30 ? config.positions * 2 * ser::kLogMelHop : 0;
    out.emplace_back(mode + ".mel", ser::log_mel(waves.samples, waves.lengths, config.bands, pad_to));
    const ser::HiddenStates found = encoder->hidden(waves, {}, true);
    for (std::size_t n = 0; n < found.states.size(); ++n) {
      out.emplace_back(mode + ".states." + std::to_string(n), found.states[n].contiguous());
    }
    out.emplace_back(mode + ".last", found.last);
    if (runs == 0) continue;
    const double mel = best_ms(runs, [&] { ser::log_mel(waves.samples, waves.lengths, config.bands, pad_to); });
    const auto trained = make(-1, trained_parameters);
    trained_parameters.attach_gradients();
    for (const auto precision : {ser::Precision::fp32, ser::Precision::bf16}) {
      ser::EncodeContext context;
      const double forward = best_ms(runs, [&] {
        const at::NoGradGuard no_grad;
        const ser::PrecisionScope scope(precision, at::kCPU);
        encoder->forward(waves, context);
      });
      const double training = best_ms(runs, [&] {
        at::Tensor loss;
        {
          const ser::PrecisionScope scope(precision, at::kCPU);
          loss = trained->forward(waves, context).values.sum();
        }
        torch::autograd::backward({loss});
      });
      std::printf("%s, %s, %d threads, best of %d: log-mel %.1f ms, forward %.1f ms, forward and backward %.1f ms\n",
                  mode.c_str(), precision == ser::Precision::bf16 ? "bf16" : "fp32", at::get_num_threads(), runs, mel, forward,
                  training);
    }
  }
  ser::write_safetensors(argv[3], out, {});
  return 0;
}
