// Full-size wav2vec2, HuBERT and WavLM against transformers; scripts/parity/ssl-parity.py writes the inputs and runs this:
//   ssl_parity CASE MODEL.safetensors CASES.safetensors fp32|bf16 [threads]
// CASE is the script's line of settings. CASES holds wave.B, and state.B.N (every hidden state) and last.B as transformers has
// them. Prints, one a line, "name value".
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "encoder/pretrained/pretrained_encoder.h"
#include "engine/arena.h"
#include "engine/model.h"
#include "weights/checkpoint.h"

namespace {

// "family=wavlm width=768 ..." as the script writes it.
std::map<std::string, std::string> settings_of(const std::string& line) {
  std::map<std::string, std::string> out;
  std::istringstream words(line);
  for (std::string word; words >> word;) out[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  return out;
}

ser::SslEncoderConfig config_of(const std::map<std::string, std::string>& settings) {
  const auto number = [&](const char* name) { return std::atoll(settings.at(name).c_str()); };
  ser::SslEncoderConfig config;
  const std::string family = settings.at("family");
  config.family = family == "wavlm"    ? ser::SslFamily::wavlm
                  : family == "hubert" ? ser::SslFamily::hubert
                                       : ser::SslFamily::wav2vec2;
  config.conv_channels.assign(7, 512);
  config.conv_kernels = {10, 3, 3, 3, 3, 2, 2};
  config.conv_strides = {5, 2, 2, 2, 2, 2, 2};
  config.conv_bias = number("conv_bias") != 0;
  config.group_norm = number("group_norm") != 0;
  config.pre_norm = number("pre_norm") != 0;
  config.normalize = !config.group_norm;
  config.width = number("width");
  config.layers = number("layers");
  config.heads = number("heads");
  config.feed_forward = number("feed_forward");
  config.spec_augment.time_prob = 0.05;
  return config;
}

double cosine(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(at::kDouble).flatten(), y = b.to(at::kDouble).flatten();
  return (x.dot(y) / (x.norm() * y.norm())).item<double>();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "ssl_parity CASE MODEL.safetensors CASES.safetensors fp32|bf16 [threads]\n");
    return 2;
  }
  at::set_num_threads(argc > 5 ? std::atoi(argv[5]) : 2);
  ser::install_arena();
  ser::ParameterSet parameters;
  ser::Initializer initializer(1);
  const auto encoder = ser::make_ssl_encoder(config_of(settings_of(argv[1])), {}, parameters, initializer);
  parameters.flatten(at::kCPU);
  const at::NoGradGuard no_grad;
  ser::fill_targets(ser::Checkpoint::open({argv[2]}), encoder->checkpoint_targets(), encoder->ignored_tensors(),
                    {"wavlm.", "hubert.", "wav2vec2.", ""});
  const auto file = ser::read_safetensors(argv[3]);
  const std::map<std::string, at::Tensor> cases(file.tensors.begin(), file.tensors.end());
  const ser::PrecisionScope scope(std::string(argv[4]) == "bf16" ? ser::Precision::bf16 : ser::Precision::fp32, at::kCPU);

  ser::Waves all;
  std::vector<at::Tensor> waves;
  for (std::uint32_t b = 0; cases.count("wave." + std::to_string(b)) > 0; ++b) {
    waves.push_back(cases.at("wave." + std::to_string(b)));
    all.lengths.push_back(waves.back().size(0));
    all.keys.push_back(b);
  }
  all.samples = at::cat(waves);
  double worst = 0, least = 1, alone_gap = 0;
  const auto compare = [&](const ser::HiddenStates& found, std::size_t row, std::size_t b) {
    const std::int64_t first = found.segments->offsets[row], count = found.segments->offsets[row + 1] - first;
    const auto check = [&](const at::Tensor& own, const std::string& name) {
      const auto wanted = cases.find(name);
      if (wanted == cases.end()) return;
      const at::Tensor rows = own.narrow(0, first, count).to(at::kFloat);
      worst = std::max(worst, (rows - wanted->second).abs().max().item<double>());
      least = std::min(least, cosine(rows, wanted->second));
    };
    for (std::size_t n = 0; n < found.states.size(); ++n) {
      check(found.states[n], "state." + std::to_string(b) + "." + std::to_string(n));
    }
    check(found.last, "last." + std::to_string(b));
  };
  const auto together = encoder->hidden(all, {}, true);
  for (std::size_t b = 0; b < waves.size(); ++b) compare(together, b, b);
  std::printf("packed_worst %.3g\npacked_cosine %.7f\n", worst, least);
  worst = 0;
  least = 1;
  double best_ms = 1e30;
  for (std::size_t b = 0; b < waves.size(); ++b) {
    const ser::Waves one{waves[b], {all.lengths[b]}, {all.keys[b]}};
    const auto alone = encoder->hidden(one, {}, true);
    compare(alone, 0, b);
    alone_gap = std::max(alone_gap, (alone.last - together.last.narrow(0, together.segments->offsets[b],
                                                                       together.segments->length(static_cast<std::int64_t>(b))))
                                        .abs()
                                        .max()
                                        .item<double>());
    if (all.lengths[b] != 160000) continue;
    for (int i = 0; i < 5; ++i) {
      const auto start = std::chrono::steady_clock::now();
      encoder->hidden(one, {}, false);
      best_ms = std::min(best_ms, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
  }
  std::printf("alone_worst %.3g\nalone_cosine %.7f\npacked_against_alone %.3g\n", worst, least, alone_gap);
  if (best_ms < 1e30) std::printf("ten_seconds_ms %.1f\n", best_ms);
  return 0;
}
