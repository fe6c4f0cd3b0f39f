#include "train/batch.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "mix/augment.h"

namespace ser {
namespace {

constexpr double kRate = 16000;

void check_labels(const std::vector<float>& labels, std::size_t batch, std::int64_t classes, const char* name) {
  if (labels.size() != batch * static_cast<std::size_t>(classes)) {
    throw Error("E_ARGUMENT", std::string(name) + " must be B x C = " + std::to_string(batch) + " x " +
                                  std::to_string(classes) + ", got " + std::to_string(labels.size()) + " values");
  }
  for (std::size_t b = 0; b < batch; ++b) {
    double sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) {
      const float value = labels[b * static_cast<std::size_t>(classes) + static_cast<std::size_t>(c)];
      if (!(value >= 0))
        throw Error("E_ARGUMENT", std::string(name) + " must not be negative or NaN, see row " + std::to_string(b));
      sum += static_cast<double>(value);
    }
    if (std::abs(sum - 1) > 1e-3) {
      throw Error("E_ARGUMENT", std::string(name) + " must sum to 1 in every row, row " + std::to_string(b) + " sums to " +
                                    std::to_string(sum));
    }
  }
}

}  // namespace

MixedBatch make_training_batch(const SampleView& samples, const StepRequest& request, std::int64_t classes,
                               std::uint64_t noise_seed, at::Device device) {
  const Rows& rows = request.rows;
  check_rows(samples, rows);
  check_mix(samples, rows, request.mix);
  const std::size_t batch = rows.offsets.size();
  check_augment(request.augment, batch);
  check_labels(request.labels, batch, classes, "labels");
  const bool mixes = request.mix.kind != MixKind::none;
  if (mixes) check_labels(request.partner_labels, batch, classes, "partnerLabels");

  MixedBatch out;
  out.waves.keys = rows.keys;
  out.skipped.assign(batch, 0);
  std::vector<std::int64_t> starts(batch + 1, 0);
  for (std::size_t b = 0; b < batch; ++b) {
    const std::int64_t length = augmented_length(request.augment, b, mixed_length(rows, request.mix, b));
    out.waves.lengths.push_back(length);
    starts[b + 1] = starts[b] + length;
  }
  at::Tensor packed = at::empty({starts.back()}, at::TensorOptions(at::kFloat));
  float* to = packed.mutable_data_ptr<float>();
  at::parallel_for(0, static_cast<std::int64_t>(batch), 1, [&](std::int64_t from, std::int64_t end) {
    std::vector<float> wave;
    for (auto b = static_cast<std::size_t>(from); b < static_cast<std::size_t>(end); ++b) {
      wave.resize(static_cast<std::size_t>(mixed_length(rows, request.mix, b)));
      out.skipped[b] = mix_row(samples, rows, request.mix, b, wave.data()) ? 1 : 0;
      augment_row(request.augment, b, {noise_seed, static_cast<std::uint32_t>(request.step), rows.keys[b]}, wave);
      std::copy(wave.begin(), wave.end(), to + starts[b]);
    }
  });
  out.waves.samples = packed.to(device);
  out.seconds = static_cast<double>(starts.back()) / kRate;

  out.labels = request.labels;
  for (std::size_t b = 0; b < batch; ++b) {
    const auto row = out.labels.begin() + static_cast<std::ptrdiff_t>(b) * classes;
    out.classes.push_back(static_cast<std::int32_t>(std::max_element(row, row + classes) - row));
  }
  if (mixes) mix_labels(request.mix, out.skipped, request.partner_labels, classes, out.labels);
  return out;
}

Waves make_waves(const SampleView& samples, const Rows& rows, at::Device device) {
  check_rows(samples, rows);
  Waves out;
  out.lengths = rows.lengths;
  out.keys = rows.keys;
  at::Tensor packed =
      at::empty({std::accumulate(rows.lengths.begin(), rows.lengths.end(), std::int64_t{0})}, at::TensorOptions(at::kFloat));
  float* to = packed.mutable_data_ptr<float>();
  for (std::size_t b = 0; b < rows.offsets.size(); ++b) {
    mix_row(samples, rows, MixRows(), b, to);
    to += rows.lengths[b];
  }
  out.samples = packed.to(device);
  return out;
}

}  // namespace ser
