// Times training steps on synthetic audio, whole and by phase:  step_bench [batch] [seconds] [steps] [threads] [fp32|bf16]
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "encoder/mel_frontend.h"
#include "engine/arena.h"
#include "engine/model.h"
#include "engine/philox.h"
#include "loss/multi/multi_loss.h"
#include "train/batch.h"
#include "train/optimizer.h"
#include "train/trainer.h"

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

// Of all threads of the process: steadier than wall time on a machine that others use, too.
double processor_ms() { return 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int batch = argc > 1 ? std::atoi(argv[1]) : 32;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 3.7;
  const int steps = argc > 3 ? std::atoi(argv[3]) : 12;
  at::set_num_threads(argc > 4 ? std::atoi(argv[4]) : 2);
  if (std::getenv("SER_NO_ARENA") == nullptr) ser::install_arena();
  const bool bf16 = argc > 5 && std::string(argv[5]) == "bf16";

  const auto length = static_cast<std::int64_t>(seconds * 16000);
  std::vector<std::int16_t> samples(static_cast<std::size_t>(length * batch));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<std::int16_t>(
        static_cast<int>(ser::philox4x32({static_cast<std::uint32_t>(i), 0, 0, 0}, {1, 2})[0] >> 18) - 8192);
  }
  ser::StepRequest request;
  request.mix.kind = ser::MixKind::eam;
  for (int b = 0; b < batch; ++b) {
    request.rows.offsets.push_back(b * length);
    request.rows.lengths.push_back(length - 800 * (b % 8));
    request.rows.keys.push_back(static_cast<std::uint32_t>(b));
    request.mix.active.push_back(b % 2);
    request.mix.partner_offsets.push_back(((b + 1) % batch) * length);
    request.mix.partner_lengths.push_back(length);
    request.mix.starts.push_back(1000);
    request.mix.partner_starts.push_back(2000);
    request.mix.segment_lengths.push_back(length / 4);
    request.mix.snr.push_back(3);
    request.mix.lambda.push_back(0.1);
    for (int c = 0; c < 8; ++c) request.labels.push_back(c == b % 8 ? 1.0f : 0.0f);
    for (int k = 0; k < 2; ++k) {
      request.augment.time_masks.insert(request.augment.time_masks.end(), {0.1f + 0.4f * static_cast<float>(k), 0.1f});
      request.augment.band_masks.insert(request.augment.band_masks.end(), {10 + 30 * k, 8});
    }
    request.augment.warp.push_back(1.0f + 0.01f * static_cast<float>(b % 10));
    request.augment.gain.push_back(3);
  }
  request.partner_labels = request.labels;
  request.learning_rate = 1e-3;
  request.center_learning_rate = 5e-3;

  ser::ModelConfig config;
  config.classes = 8;
  ser::TrainerConfig trainer_config;
  trainer_config.average_decay = 0.99;
  if (bf16) trainer_config.precision = ser::Precision::bf16;
  const ser::SampleView view{samples.data(), static_cast<std::int64_t>(samples.size())};
  const std::atomic<bool> cancelled{false};

  auto model = std::make_shared<ser::Model>(config, 1, at::kCPU);
  std::printf("%lld parameters, batch %d x %.1f s, %d threads, %s\n", static_cast<long long>(model->parameters().count()),
              batch, seconds, at::get_num_threads(), bf16 ? "bf16" : "fp32");
  {
    ser::Trainer trainer(model, trainer_config);
    std::vector<double> times, processor;
    for (int s = 0; s < steps; ++s) {
      request.step = s;
      const auto start = Clock::now();
      const double busy = processor_ms();
      trainer.begin(view, request, cancelled)->result();
      if (s < 2) continue;
      times.push_back(since(start));
      processor.push_back(processor_ms() - busy);
    }
    const double best = *std::min_element(times.begin(), times.end());
    std::printf("step: median %.1f ms, best %.1f ms; 1000 utterances: %.2f s (best %.2f s)\n", median(times), best,
                median(times) / batch, best / batch);
    std::printf("processor time: %.1f ms a step, %.2f s for 1000 utterances\n", median(processor), median(processor) / batch);
  }

  // The same work again in pieces, through the parts that a step calls.
  at::Tensor centers = at::zeros({8, config.embedding}).set_requires_grad(true);
  ser::Optimizer optimizer(model->parameters(), centers, trainer_config);
  std::vector<double> mix, mel, forward, loss_time, backward, update;
  for (int s = 0; s < steps; ++s) {
    auto start = Clock::now();
    const ser::MixedBatch made = ser::make_training_batch(view, request, 8, 0, at::kCPU);
    mix.push_back(since(start));
    start = Clock::now();
    ser::mel_spectrogram(ser::MelFrontend(), made.waves, &request.augment);
    mel.push_back(since(start));
    optimizer.zero_gradients();
    ser::EncodeContext context;
    context.training = true;
    context.augment = &request.augment;
    start = Clock::now();
    ser::ModelOutput out;
    {
      ser::PrecisionScope scope(trainer_config.precision, at::kCPU);
      out = model->forward(made.waves, context, true);
    }
    forward.push_back(since(start));
    start = Clock::now();
    ser::MultiLossInput in{out.logits, out.embedding, out.contrast, {}, {}, centers, {}};
    in.labels = at::tensor(made.labels).view({batch, 8});
    in.base_classes = at::tensor(made.classes);
    const auto loss = ser::multi_loss(in, {});
    loss_time.push_back(since(start));
    start = Clock::now();
    torch::autograd::backward({loss.total});
    backward.push_back(since(start));
    start = Clock::now();
    optimizer.step(optimizer.gradient_norm(), at::zeros({}), 1e-3, 5e-3);
    update.push_back(since(start));
  }
  std::printf(
      "mix and augment %.2f ms, log-mel %.2f, forward %.2f (log-mel included), losses %.2f, backward %.2f, update %.2f\n",
      median(mix), median(mel), median(forward), median(loss_time), median(backward), median(update));
  return 0;
}
