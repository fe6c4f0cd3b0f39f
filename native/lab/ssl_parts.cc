// Times a base-sized WavLM encoder on one sound, whole and by parts, and then a training pass over eight of 2 to 9 s:  ssl_parts [seconds] [threads] [fp32|bf16] [repeats]
// Processor time of all threads beside wall time: steadier on a machine that others use, too.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "encoder/pretrained/conv_extractor.h"
#include "encoder/pretrained/position_conv.h"
#include "encoder/pretrained/relative_attention.h"
#include "encoder/segment_attention.h"
#include "engine/arena.h"
#include "engine/model.h"

namespace {

template <typename Work>
void report(int repeats, const char* name, const Work& work) {
  double wall = 1e30, processor = 1e30;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t before = std::clock();
    work();
    processor = std::min(processor, 1000.0 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC);
    wall = std::min(wall, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("%-36s %8.1f ms wall %8.1f ms processor\n", name, wall, processor);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
  at::set_num_threads(argc > 2 ? std::atoi(argv[2]) : 2);
  const bool half = argc > 3 && std::string(argv[3]) == "bf16";
  const int repeats = argc > 4 ? std::atoi(argv[4]) : 6;
  ser::install_arena();
  ser::SslEncoderConfig config;
  config.conv_channels.assign(7, 512);
  config.conv_kernels = {10, 3, 3, 3, 3, 2, 2};
  config.conv_strides = {5, 2, 2, 2, 2, 2, 2};
  const at::NoGradGuard no_grad;
  ser::ParameterSet parameters, whole_parameters;
  ser::Initializer initializer(1);
  const ser::ConvExtractor extractor(config, {false}, parameters, initializer);
  const auto encoder = ser::make_ssl_encoder(config, {}, whole_parameters, initializer);
  for (const auto* set : {&parameters, &whole_parameters}) {
    for (const auto& parameter : set->all()) at::Tensor(parameter.tensor).normal_(0, 0.02);
  }
  const auto length = static_cast<std::int64_t>(seconds * 16000);
  const ser::Waves waves{at::randn({length}) * 0.1, {length}, {1}};
  const std::int64_t frames = extractor.frames(length), width = 768, heads = 12;
  const auto segments = ser::make_segments({frames});
  const at::Tensor x = at::randn({frames, width}), qkv = at::randn({frames, 3 * width});
  const ser::PositionConv position{at::randn({1, 1, 128}), at::randn({width, 48, 128}), at::randn({width})};
  const ser::RelativeGate gate{at::randn({8, 64}), at::randn({8}), at::randn({heads})};
  const at::Tensor table = ser::relative_table(at::randn({320, heads}), frames, 800);
  const at::Tensor expand = at::randn({3072, width}) * 0.02, contract = at::randn({width, 3072}) * 0.02;

  const ser::PrecisionScope scope(half ? ser::Precision::bf16 : ser::Precision::fp32, at::kCPU);
  report(repeats, "whole encoder", [&] { encoder->hidden(waves, {}, false); });
  report(repeats, "convolutions", [&] { extractor.forward(waves); });
  report(repeats, "position code", [&] { ser::position_conv(x, position, segments); });
  report(repeats, "12 gates", [&] {
    for (int i = 0; i < 12; ++i) ser::relative_gate(x, gate);
  });
  report(repeats, "12 attentions without bias", [&] {
    for (int i = 0; i < 12; ++i) ser::segment_attention(qkv, heads, segments);
  });
  const at::Tensor gates = ser::relative_gate(x, gate);
  report(repeats, "12 attentions with bias", [&] {
    for (int i = 0; i < 12; ++i) ser::segment_attention(qkv, heads, segments, {gates, table, 0, {}});
  });
  report(repeats, "12 feed-forward layers", [&] {
    for (int i = 0; i < 12; ++i) at::linear(at::gelu(at::linear(x, expand)), contract);
  });

  ser::SslEncoderConfig noisy = config;
  noisy.hidden_dropout = noisy.attention_dropout = noisy.projection_dropout = 0.1;
  noisy.spec_augment.time_prob = 0.05;
  ser::AdaptConfig adapt;
  adapt.trainable_layers = -1;
  ser::ParameterSet trained;
  const auto learner = ser::make_ssl_encoder(noisy, adapt, trained, initializer);
  for (const auto& parameter : trained.all()) at::Tensor(parameter.tensor).normal_(0, 0.02);
  trained.flatten(at::kCPU);
  const at::Tensor gradient = trained.attach_gradients();
  ser::Waves batch;
  for (std::uint32_t b = 0; b < 8; ++b) {
    batch.lengths.push_back(32000 + 16000 * b);
    batch.keys.push_back(b);
  }
  batch.samples = at::randn({8 * 88000}) * 0.1;
  ser::EncodeContext context;
  context.training = true;
  const at::AutoGradMode gradients(true);
  report(repeats, "forward and backward, 44 s in 8",
         [&] { learner->forward(batch, context).values.square().sum().backward(); });
  return 0;
}
