#include "train/batch.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "engine/upload.h"
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

void take_labels(const std::vector<float>& labels, std::int64_t classes, MixedBatch& out) {
  out.labels = labels;
  for (auto row = out.labels.begin(); row != out.labels.end(); row += classes) {
    out.classes.push_back(static_cast<std::int32_t>(std::max_element(row, row + classes) - row));
  }
}

double seconds_of(const Waves& waves) {
  return static_cast<double>(std::accumulate(waves.lengths.begin(), waves.lengths.end(), std::int64_t{0})) / kRate;
}

void check_step(const SampleView& samples, const StepRequest& request, std::int64_t classes) {
  check_rows(samples, request.rows);
  check_mix(samples, request.rows, request.mix);
  const std::size_t batch = request.rows.offsets.size();
  check_augment(request.augment, batch);
  check_labels(request.labels, batch, classes, "labels");
  if (request.mix.kind != MixKind::none) check_labels(request.partner_labels, batch, classes, "partnerLabels");
}

MixedBatch make_training_batch(const SampleView& samples, const StepRequest& request, std::int64_t classes,
                               std::uint64_t noise_seed, at::Device device) {
  check_step(samples, request, classes);
  const Rows& rows = request.rows;
  const std::size_t batch = rows.offsets.size();
  const bool mixes = request.mix.kind != MixKind::none;
  MixedBatch out;
  out.waves.keys = rows.keys;
  out.skipped.assign(batch, 0);
  std::vector<std::int64_t> starts(batch + 1, 0);
  for (std::size_t b = 0; b < batch; ++b) {
    const std::int64_t length = augmented_length(request.augment, b, mixed_length(rows, request.mix, b));
    out.waves.lengths.push_back(length);
    starts[b + 1] = starts[b] + length;
  }
  at::Tensor packed = at::empty({starts.back()}, staging(at::kFloat, device));
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
  out.waves.samples = upload(packed, device);
  out.seconds = seconds_of(out.waves);

  take_labels(request.labels, classes, out);
  if (mixes) mix_labels(request.mix, out.skipped, request.partner_labels, classes, out.labels);
  return out;
}

MixedBatch make_feature_batch(const FeatureStore& features, const StepRequest& request, std::int64_t classes,
                              at::Device device) {
  const AugmentRows& a = request.augment;
  const bool augments = !a.speed.empty() || !a.gain.empty() || !a.noise.empty() || !a.warp.empty() || !a.tempo.empty() ||
                        !a.time_masks.empty() || !a.band_masks.empty();
  if (request.mix.kind != MixKind::none || augments) {
    throw Error("E_ARGUMENT", "stored frames can be neither mixed nor augmented: both change what the encoder sees");
  }
  const std::size_t batch = request.rows.offsets.size();
  check_labels(request.labels, batch, classes, "labels");
  MixedBatch out;
  out.frames = features.gather(request.rows, device);
  out.skipped.assign(batch, 0);
  take_labels(request.labels, classes, out);
  return out;
}

MixedBatch part_of(const MixedBatch& batch, std::int64_t from, std::int64_t to, std::int64_t classes) {
  if (from == 0 && to == static_cast<std::int64_t>(batch.classes.size())) return batch;
  MixedBatch out;
  if (batch.frames.values.defined()) {
    const Segments& all = *batch.frames.segments;
    std::vector<std::int64_t> lengths;
    for (std::int64_t b = from; b < to; ++b) lengths.push_back(all.length(b));
    out.frames = {batch.frames.values.narrow(0, all.offsets[from], all.offsets[to] - all.offsets[from]),
                  make_segments(lengths, {all.keys.begin() + from, all.keys.begin() + to})};
  } else {
    const auto& lengths = batch.waves.lengths;
    const std::int64_t first = std::accumulate(lengths.begin(), lengths.begin() + from, std::int64_t{0});
    out.waves.lengths.assign(lengths.begin() + from, lengths.begin() + to);
    out.waves.keys.assign(batch.waves.keys.begin() + from, batch.waves.keys.begin() + to);
    out.waves.samples = batch.waves.samples.narrow(
        0, first, std::accumulate(out.waves.lengths.begin(), out.waves.lengths.end(), std::int64_t{0}));
  }
  out.labels.assign(batch.labels.begin() + from * classes, batch.labels.begin() + to * classes);
  out.classes.assign(batch.classes.begin() + from, batch.classes.begin() + to);
  out.skipped.assign(batch.skipped.begin() + from, batch.skipped.begin() + to);
  if (batch.device_labels.defined()) out.device_labels = batch.device_labels.narrow(0, from, to - from);
  return out;
}

AugmentRows part_of(const AugmentRows& augment, std::int64_t from, std::int64_t to, std::int64_t batch) {
  if (from == 0 && to == batch) return augment;
  const auto part = [&](const auto& values) {
    const auto width = static_cast<std::int64_t>(values.size()) / batch;
    return std::decay_t<decltype(values)>(values.begin() + from * width, values.begin() + to * width);
  };
  return {part(augment.speed), part(augment.gain),       part(augment.noise),     part(augment.warp),
          part(augment.tempo), part(augment.time_masks), part(augment.band_masks)};
}

Waves make_waves(const SampleView& samples, const Rows& rows, at::Device device) {
  check_rows(samples, rows);
  Waves out;
  out.lengths = rows.lengths;
  out.keys = rows.keys;
  at::Tensor packed =
      at::empty({std::accumulate(rows.lengths.begin(), rows.lengths.end(), std::int64_t{0})}, staging(at::kFloat, device));
  float* to = packed.mutable_data_ptr<float>();
  for (std::size_t b = 0; b < rows.offsets.size(); ++b) {
    mix_row(samples, rows, MixRows(), b, to);
    to += rows.lengths[b];
  }
  out.samples = upload(packed, device);
  return out;
}

}  // namespace ser
