#include "mix/mix.h"

#include <cstring>
#include <vector>

#include "engine/philox.h"
#include "mix/augment.h"
#include "test/check.h"
#include "test/mix_plan.h"

namespace {

std::uint32_t draw(std::uint32_t index, std::uint32_t stream) { return ser::philox4x32({index, stream, 0, 0}, {3, 4})[0]; }

std::vector<std::int16_t> noise(std::size_t n, int bits) {
  std::vector<std::int16_t> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = static_cast<std::int16_t>(static_cast<std::int32_t>(draw(static_cast<std::uint32_t>(i), 0)) >> (32 - bits));
  }
  return out;
}

using Plan = ser::test::MixPlan;

// Rows of many lengths and alignments, so that whole vectors and tails are both met.
Plan make_plan(ser::MixKind kind, std::int64_t samples, int batch) {
  Plan plan;
  plan.mix.kind = kind;
  for (int b = 0; b < batch; ++b) {
    std::uint32_t at = 0;
    const auto pick = [&](std::int64_t low, std::int64_t high) {
      return low + static_cast<std::int64_t>(draw(at++, static_cast<std::uint32_t>(b) + 1) %
                                             static_cast<std::uint32_t>(high - low + 1));
    };
    const std::int64_t length = pick(400, 3000), partner = pick(400, 3000);
    const std::int64_t segment = std::min(pick(1, (length - 1) / 2), partner);
    ser::test::add_row(plan, samples, {length, partner, segment, b % 5 != 0}, pick);
  }
  return plan;
}

void against_reference(ser::MixKind kind, int bits, const std::string& name) {
  const auto samples = noise(40000, bits);
  const ser::SampleView view{samples.data(), 40000};
  const Plan plan = make_plan(kind, 40000, 200);
  ser::check_rows(view, plan.rows);
  ser::check_mix(view, plan.rows, plan.mix);
  bool equal = true, flags = true, replay = true;
  for (std::size_t b = 0; b < plan.rows.offsets.size(); ++b) {
    const auto n = static_cast<std::size_t>(ser::mixed_length(plan.rows, plan.mix, b));
    std::vector<float> fast(n), slow(n), again(n);
    const bool skipped = ser::mix_row(view, plan.rows, plan.mix, b, fast.data());
    flags = flags && skipped == ser::mix_row_reference(view, plan.rows, plan.mix, b, slow.data());
    ser::mix_row(view, plan.rows, plan.mix, b, again.data());
    equal = equal && std::memcmp(fast.data(), slow.data(), n * sizeof(float)) == 0;
    replay = replay && std::memcmp(fast.data(), again.data(), n * sizeof(float)) == 0;
  }
  SER_CHECK(equal, name + ": 200 rows bit-equal to plain loops");
  SER_CHECK(flags, name + ": the same rows are skipped");
  SER_CHECK(replay, name + ": replaying the plan gives the same bits");
}

void signal_to_noise() {
  auto samples = noise(8000, 12);
  Plan plan = make_plan(ser::MixKind::eam, 8000, 1);
  plan.rows.offsets = {0};
  plan.rows.lengths = {4000};
  plan.mix.active = {1};
  plan.mix.partner_offsets = {4000};
  plan.mix.partner_lengths = {4000};
  plan.mix.starts = {500};
  plan.mix.partner_starts = {1000};
  plan.mix.segment_lengths = {1500};
  plan.mix.snr = {7};
  const ser::SampleView view{samples.data(), 8000};
  std::vector<float> out(4000);
  SER_CHECK(!ser::mix_row(view, plan.rows, plan.mix, 0, out.data()), "speech is mixed");
  double base = 0, added = 0;
  bool outside = true;
  for (int t = 0; t < 4000; ++t) {
    const double own = samples[static_cast<std::size_t>(t)] / 32768.0,
                 difference = static_cast<double>(out[static_cast<std::size_t>(t)]) - own;
    if (t >= 500 && t < 2000) {
      base += own * own;
      added += difference * difference;
    } else {
      outside = outside && difference == 0;
    }
  }
  SER_CHECK_WITHIN(std::abs(10 * std::log10(base / added) - 7), 1e-4, "base over added partner is the planned 7 dB");
  SER_CHECK(outside, "samples outside the segment are untouched");

  std::fill(samples.begin() + 4000, samples.end(), std::int16_t{3});  // power 8.4e-9 of full scale
  SER_CHECK(ser::mix_row(view, plan.rows, plan.mix, 0, out.data()), "a partner under 1e-8 of full scale is skipped");
  SER_CHECK(out[600] == static_cast<float>(samples[600]) / 32768.0f, "a skipped row is the base as it stands");
  std::fill(samples.begin() + 4000, samples.end(), std::int16_t{4});  // power 1.5e-8
  SER_CHECK(!ser::mix_row(view, plan.rows, plan.mix, 0, out.data()), "a partner over 1e-8 of full scale is mixed");
}

void labels() {
  ser::MixRows mix;
  mix.kind = ser::MixKind::eam;
  mix.active = {1, 1, 0};
  mix.lambda = {0.25, 0.25, 0.25};
  std::vector<float> labels{1, 0, 1, 0, 1, 0};
  ser::mix_labels(mix, {0, 1, 0}, {0, 1, 0, 1, 0, 1}, 2, labels);
  SER_CHECK((labels == std::vector<float>{0.75f, 0.25f, 1, 0, 1, 0}), "labels mix where the row is active and not skipped");
}

void refusals() {
  const auto samples = noise(5000, 12);
  const ser::SampleView view{samples.data(), 5000};
  Plan plan = make_plan(ser::MixKind::eam, 5000, 2);
  auto bad = plan;
  bad.rows.offsets[1] = 4999;
  SER_CHECK_ERROR(ser::check_rows(view, bad.rows), "E_ARGUMENT", "row 1");
  bad = plan;
  bad.rows.lengths[0] = 399;
  SER_CHECK_ERROR(ser::check_rows(view, bad.rows), "E_ARGUMENT", "400 samples");
  bad = plan;
  bad.mix.starts[1] = bad.rows.lengths[1];
  SER_CHECK_ERROR(ser::check_mix(view, bad.rows, bad.mix), "E_ARGUMENT", "segment");
  bad = plan;
  bad.mix.partner_offsets[1] = INT64_MAX - 5;
  SER_CHECK_ERROR(ser::check_mix(view, bad.rows, bad.mix), "E_ARGUMENT", "partner");
  bad = plan;
  bad.mix.snr.pop_back();
  SER_CHECK_ERROR(ser::check_mix(view, bad.rows, bad.mix), "E_ARGUMENT", "one element a row");
}

void resampling() {
  // A tone well under the lower Nyquist rate keeps its shape: sin(2 pi f t) played at `factor` is sin(2 pi f factor t).
  for (const double factor : {0.8, 0.9, 1.1, 1.37}) {
    const std::size_t n = 8000;
    std::vector<float> tone(n), out;
    for (std::size_t t = 0; t < n; ++t) tone[t] = static_cast<float>(std::sin(0.7 * static_cast<double>(t)));
    const auto count = static_cast<std::int64_t>(std::llround(static_cast<double>(n) / factor));
    ser::change_speed(tone, factor, count, out);
    double worst = 0;
    for (std::int64_t m = 100; m < count - 100; ++m) {
      worst = std::max(worst, std::abs(static_cast<double>(out[static_cast<std::size_t>(m)]) -
                                       std::sin(0.7 * factor * static_cast<double>(m))));
    }
    SER_CHECK_WITHIN(worst, 3e-4, "a tone at speed " + ser::test::figure(factor) + " is that tone");
  }
  std::vector<float> high(8000), out;
  for (std::size_t t = 0; t < high.size(); ++t) high[t] = static_cast<float>(std::sin(3.0 * static_cast<double>(t)));
  ser::change_speed(high, 1.3, 6153, out);
  double worst = 0;
  for (std::size_t m = 100; m < out.size() - 100; ++m) worst = std::max(worst, std::abs(static_cast<double>(out[m])));
  SER_CHECK_WITHIN(worst, 1e-3, "what would alias is filtered out");
}

void noise_level() {
  ser::AugmentRows augment;
  augment.noise = {10, std::numeric_limits<float>::quiet_NaN()};
  std::vector<float> wave(40000), before;
  for (std::size_t t = 0; t < wave.size(); ++t) wave[t] = static_cast<float>(0.1 * std::sin(0.05 * static_cast<double>(t)));
  before = wave;
  ser::augment_row(augment, 0, {1, 2, 3}, wave);
  double signal = 0, added = 0, lag = 0, last = 0;
  for (std::size_t t = 0; t < wave.size(); ++t) {
    const double difference = static_cast<double>(wave[t]) - static_cast<double>(before[t]);
    signal += static_cast<double>(before[t]) * static_cast<double>(before[t]);
    added += difference * difference;
    lag += difference * last;
    last = difference;
  }
  SER_CHECK_WITHIN(std::abs(10 * std::log10(signal / added) - 10), 0.1, "noise lies 10 dB under the signal");
  SER_CHECK_WITHIN(std::abs(lag / added), 0.02, "noise is white (correlation of neighbours)");
  auto again = before;
  ser::augment_row(augment, 0, {1, 2, 3}, again);
  SER_CHECK(again == wave, "the same key draws the same noise");
  again = before;
  ser::augment_row(augment, 0, {1, 3, 3}, again);
  SER_CHECK(again != wave, "another step draws another noise");
  again = before;
  ser::augment_row(augment, 1, {1, 2, 3}, again);
  SER_CHECK(again == before, "NaN stands for no noise");
}

void generator() {
  const auto zero = ser::philox4x32({0, 0, 0, 0}, {0, 0});
  SER_CHECK(zero[0] == 0x6627e8d5 && zero[1] == 0xe169c58d && zero[2] == 0xbc57ac4c && zero[3] == 0x9b00dbd8,
            "Philox, known answer of zeros");
  std::uint32_t words[4][ser::kPhiloxLanes];
  ser::philox_lanes(7, 8, 9, 10, {11, 12}, words);
  bool equal = true;
  for (std::uint32_t i = 0; i < ser::kPhiloxLanes; ++i) {
    const auto one = ser::philox4x32({7 + i, 8, 9, 10}, {11, 12});
    for (int w = 0; w < 4; ++w) equal = equal && words[w][i] == one[static_cast<std::size_t>(w)];
  }
  SER_CHECK(equal, "Philox in lanes equals one block at a time");
}

}  // namespace

int main() {
  generator();
  against_reference(ser::MixKind::eam, 15, "EAM");
  against_reference(ser::MixKind::eam, 3, "EAM near silence");
  against_reference(ser::MixKind::lam, 16, "LAM at full scale");
  signal_to_noise();
  labels();
  refusals();
  resampling();
  noise_level();
  return ser::test::finish("mix");
}
