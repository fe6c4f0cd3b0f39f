#include <algorithm>
#include <cmath>

#include "convert.h"

namespace ser::binding {
namespace {

std::vector<std::int64_t> widen(const std::vector<std::int32_t>& values) { return {values.begin(), values.end()}; }

// Sample positions travel as doubles: a store may hold more than 2^31 samples, and a bigint array is a nuisance to fill.
std::int64_t to_position(const Argument& argument, const std::vector<double>& values, std::size_t row) {
  const double value = values[row];
  if (!(value >= 0 && value <= static_cast<double>(kMaxSafeInteger)) || value != std::floor(value)) {
    argument.fail_at(row, "an integer in 0..2^53 - 1", value);
  }
  return static_cast<std::int64_t>(value);
}

void check_at_least(const Argument& argument, const std::vector<std::int64_t>& values, std::size_t row, std::int64_t low) {
  if (values[row] < low) {
    argument.fail_at(row, "at least " + std::to_string(low), static_cast<double>(values[row]));
  }
}

// Reads an optional array with one float per utterance.
std::vector<float> per_row(const Argument& argument, std::size_t batch) {
  return argument.absent() ? std::vector<float>() : argument.array<float>(batch, "B");
}

std::vector<float> factors(const Argument& argument, std::size_t batch) {
  std::vector<float> values = per_row(argument, batch);
  for (std::size_t row = 0; row < values.size(); ++row) {
    if (!(values[row] >= 0.25F && values[row] <= 4)) argument.fail_at(row, "a factor in [0.25, 4]", values[row]);
  }
  return values;
}

// Of a B x n x 2 array; n may be 0.
void check_masks(const Argument& argument, std::size_t length, std::size_t batch) {
  if (length % (2 * batch) != 0) {
    argument.fail("of B x n x 2 elements with B = " + std::to_string(batch), std::to_string(length) + " elements");
  }
}

}  // namespace

Rows to_rows(const Argument& argument) {
  Rows rows;
  if (const Argument unit = argument.field("unit"); !unit.absent())
    rows.frames = unit.one_of<bool>({{"samples", false}, {"frames", true}});
  const Argument offsets = argument.field("offsets");
  const std::vector<double> positions = offsets.array<double>(std::nullopt, "B");
  const std::size_t batch = positions.size();
  if (batch == 0) offsets.fail("of at least one utterance", "an empty array");
  rows.offsets.resize(batch);
  for (std::size_t row = 0; row < batch; ++row) rows.offsets[row] = to_position(offsets, positions, row);
  const Argument lengths = argument.field("lengths");
  rows.lengths = widen(lengths.array<std::int32_t>(batch, "B"));
  for (std::size_t row = 0; row < batch; ++row) check_at_least(lengths, rows.lengths, row, rows.frames ? 1 : kMinSamples);
  rows.keys = argument.field("keys").array<std::uint32_t>(batch, "B");
  return rows;
}

MixRows to_mix_rows(const Argument& argument, const Rows& rows) {
  const std::size_t batch = rows.offsets.size();
  MixRows mix;
  mix.kind = argument.field("kind").one_of<MixKind>({{"eam", MixKind::eam}, {"lam", MixKind::lam}});
  mix.active = argument.field("active").array<std::uint8_t>(batch, "B");
  const Argument offsets = argument.field("partnerOffsets");
  const Argument lengths = argument.field("partnerLengths");
  const Argument starts = argument.field("starts");
  const Argument partner_starts = argument.field("partnerStarts");
  const Argument segments = argument.field("segmentLengths");
  const Argument snr = argument.field("snr");
  const Argument lambda = argument.field("lambda");
  const std::vector<double> positions = offsets.array<double>(batch, "B");
  mix.partner_offsets.resize(batch);
  mix.partner_lengths = widen(lengths.array<std::int32_t>(batch, "B"));
  mix.starts = widen(starts.array<std::int32_t>(batch, "B"));
  mix.partner_starts = widen(partner_starts.array<std::int32_t>(batch, "B"));
  mix.segment_lengths = widen(segments.array<std::int32_t>(batch, "B"));
  mix.snr = snr.array<double>(batch, "B");
  mix.lambda = lambda.array<double>(batch, "B");
  for (std::size_t row = 0; row < batch; ++row) {
    if (mix.active[row] > 1) argument.field("active").fail_at(row, "0 or 1", mix.active[row]);
    if (mix.active[row] == 0) {
      // Ignored by contract, so they may hold anything; zeros keep accidents downstream harmless.
      mix.partner_lengths[row] = mix.starts[row] = mix.partner_starts[row] = mix.segment_lengths[row] = 0;
      mix.snr[row] = mix.lambda[row] = 0;
      continue;
    }
    mix.partner_offsets[row] = to_position(offsets, positions, row);
    check_at_least(lengths, mix.partner_lengths, row, 1);
    if (!(mix.lambda[row] >= 0 && mix.lambda[row] <= 1)) lambda.fail_at(row, "a weight in [0, 1]", mix.lambda[row]);
    if (mix.kind != MixKind::eam) continue;
    check_at_least(segments, mix.segment_lengths, row, 1);
    check_at_least(starts, mix.starts, row, 0);
    check_at_least(partner_starts, mix.partner_starts, row, 0);
    const std::int64_t latest = rows.lengths[row] - mix.segment_lengths[row];
    if (mix.starts[row] > latest) {
      starts.fail_at(row, "at most " + std::to_string(latest) + ", so that the segment ends within the utterance",
                     static_cast<double>(mix.starts[row]));
    }
    const std::int64_t partner_latest = mix.partner_lengths[row] - mix.segment_lengths[row];
    if (mix.partner_starts[row] > partner_latest) {
      partner_starts.fail_at(row, "at most " + std::to_string(partner_latest) + ", so that the segment ends within the partner",
                             static_cast<double>(mix.partner_starts[row]));
    }
    if (!std::isfinite(mix.snr[row])) snr.fail_at(row, "finite, in dB", mix.snr[row]);
  }
  return mix;
}

AugmentRows to_augment_rows(const Argument& argument, std::size_t batch) {
  AugmentRows augment;
  augment.speed = factors(argument.field("speed"), batch);
  augment.warp = factors(argument.field("warp"), batch);
  augment.tempo = factors(argument.field("tempo"), batch);
  const Argument gain = argument.field("gain");
  augment.gain = per_row(gain, batch);
  check_finite(gain, augment.gain);
  const Argument noise = argument.field("noise");
  augment.noise = per_row(noise, batch);
  for (std::size_t row = 0; row < augment.noise.size(); ++row) {
    if (std::isinf(augment.noise[row])) noise.fail_at(row, "finite, in dB, or NaN for none", augment.noise[row]);
  }
  if (const Argument masks = argument.field("timeMasks"); !masks.absent()) {
    augment.time_masks = masks.array<float>(std::nullopt, "B x n x 2");
    check_masks(masks, augment.time_masks.size(), batch);
    for (std::size_t at = 0; at < augment.time_masks.size(); ++at) {
      const float fraction = augment.time_masks[at];
      if (!(fraction >= 0 && fraction <= 1)) masks.fail_at(at, "a fraction in [0, 1]", fraction);
    }
  }
  if (const Argument masks = argument.field("bandMasks"); !masks.absent()) {
    augment.band_masks = masks.array<std::int32_t>(std::nullopt, "B x n x 2");
    check_masks(masks, augment.band_masks.size(), batch);
    for (std::size_t at = 0; at < augment.band_masks.size(); ++at) {
      if (augment.band_masks[at] < 0) masks.fail_at(at, "at least 0", augment.band_masks[at]);
    }
  }
  return augment;
}

StepRequest to_step_request(const Argument& argument) {
  StepRequest request;
  request.rows = to_rows(argument.field("rows"));
  const std::size_t batch = request.rows.offsets.size();
  const Argument labels = argument.field("labels");
  request.labels = labels.array<float>(std::nullopt, "B x C");
  check_labels(labels, request.labels, batch);
  const Argument partner_labels = argument.field("partnerLabels");
  if (const Argument mix = argument.field("mix"); !mix.absent()) {
    request.mix = to_mix_rows(mix, request.rows);
    request.partner_labels = partner_labels.array<float>(request.labels.size(), "B x C");
    const std::size_t classes = request.labels.size() / batch;
    for (std::size_t row = 0; row < batch; ++row) {
      if (request.mix.active[row] != 0) {
        check_label_row(partner_labels, request.partner_labels, row, classes);
      } else {
        // Ignored by contract, so it may hold anything; a row of the base's own label is sound whatever is done with it.
        const auto first = static_cast<std::ptrdiff_t>(row * classes);
        std::copy_n(request.labels.begin() + first, classes, request.partner_labels.begin() + first);
      }
    }
  } else if (!partner_labels.absent()) {
    partner_labels.fail("absent without request.mix");
  }
  if (const Argument augment = argument.field("augment"); !augment.absent()) {
    request.augment = to_augment_rows(augment, batch);
  }
  request.step = argument.field("step").integer(0);
  request.learning_rate = argument.field("learningRate").non_negative();
  request.center_learning_rate = argument.field("centerLearningRate").non_negative();
  return request;
}

std::vector<std::vector<float>> to_samples(const Argument& argument) {
  const std::uint32_t batch = argument.array_length("an array of Float32Array");
  if (batch == 0) argument.fail("of at least one utterance", "an empty array");
  std::vector<std::vector<float>> samples;
  samples.reserve(batch);
  for (std::uint32_t row = 0; row < batch; ++row) {
    const Argument utterance = argument.element(row);
    samples.push_back(utterance.array<float>(std::nullopt, "at least 400"));
    if (static_cast<std::int64_t>(samples.back().size()) < kMinSamples) {
      utterance.fail("a Float32Array of at least 400 elements");
    }
    check_finite(utterance, samples.back());
  }
  return samples;
}

}  // namespace ser::binding
