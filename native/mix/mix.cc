#include "mix/mix.h"

#include <algorithm>
#include <cmath>

#include "engine/vector_clones.h"

namespace ser {
namespace {

constexpr float kUnit = 1.0f / 32768.0f;

[[noreturn]] void fail(std::size_t b, const std::string& what) {
  throw Error("E_ARGUMENT", "row " + std::to_string(b) + ": " + what);
}

bool inside(const SampleView& samples, std::int64_t offset, std::int64_t length) {
  return offset >= 0 && length >= 1 && offset <= samples.size && length <= samples.size - offset;
}

std::string range(std::int64_t offset, std::int64_t length) {
  return "samples [" + std::to_string(offset) + ", " + std::to_string(offset) + " + " + std::to_string(length) + ")";
}

// Partial sums in 32 bits would overflow after two samples of full scale: every product is widened first.
SER_VECTOR_CLONES std::int64_t sum_of_squares(const std::int16_t* x, std::int64_t n) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t square = static_cast<std::int32_t>(x[i]) * static_cast<std::int32_t>(x[i]);
    sum += square;
  }
  return sum;
}

SER_VECTOR_CLONES std::int32_t peak_of(const std::int16_t* x, std::int64_t n) {
  std::int32_t peak = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t v = x[i];
    peak = std::max(peak, v < 0 ? -v : v);
  }
  return peak;
}

// int16 over 2^15 is exact in float, so this rounds nothing.
SER_VECTOR_CLONES void to_float(const std::int16_t* SER_RESTRICT x, std::int64_t n, float* SER_RESTRICT out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(x[i]) * kUnit;
}

SER_VECTOR_CLONES void add_scaled(const std::int16_t* SER_RESTRICT x, std::int64_t n, float scale, float* SER_RESTRICT out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = __builtin_fmaf(scale, static_cast<float>(x[i]) * kUnit, out[i]);
}

SER_VECTOR_CLONES void scale_to(const std::int16_t* SER_RESTRICT x, std::int64_t n, float scale, float* SER_RESTRICT out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = scale * static_cast<float>(x[i]);
}

SER_VECTOR_CLONES void add_scaled_units(const std::int16_t* SER_RESTRICT x, std::int64_t n, float scale,
                                        float* SER_RESTRICT out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = __builtin_fmaf(scale, static_cast<float>(x[i]), out[i]);
}

bool is_active(const MixRows& mix, std::size_t b) { return mix.kind != MixKind::none && mix.active[b] != 0; }

bool mix_eam(const SampleView& samples, const Rows& rows, const MixRows& mix, std::size_t b, float* out) {
  const std::int64_t n = mix.segment_lengths[b];
  const std::int16_t* base = samples.data + rows.offsets[b] + mix.starts[b];
  const std::int16_t* partner = samples.data + mix.partner_offsets[b] + mix.partner_starts[b];
  const auto energy = static_cast<double>(sum_of_squares(base, n));
  const auto partner_energy = static_cast<double>(sum_of_squares(partner, n));
  const double silent = kSilentPower * 1073741824.0 * static_cast<double>(n);
  to_float(samples.data + rows.offsets[b], rows.lengths[b], out);
  if (energy < silent || partner_energy < silent) return true;
  // Both segments have the same length, so the ratio of powers is the ratio of energies.
  const auto scale = static_cast<float>(std::sqrt(energy / std::pow(10.0, mix.snr[b] / 10.0) / partner_energy));
  add_scaled(partner, n, scale, out + mix.starts[b]);
  return false;
}

bool mix_lam(const SampleView& samples, const Rows& rows, const MixRows& mix, std::size_t b, float* out) {
  const std::int16_t* base = samples.data + rows.offsets[b];
  const std::int16_t* partner = samples.data + mix.partner_offsets[b];
  const std::int64_t n = rows.lengths[b], m = mix.partner_lengths[b];
  const std::int32_t peak = peak_of(base, n), partner_peak = peak_of(partner, m);
  std::fill(out + n, out + std::max(n, m), 0.0f);
  if (peak == 0 || partner_peak == 0) {
    to_float(base, n, out);
    return true;
  }
  scale_to(base, n, static_cast<float>(0.5 / peak), out);
  add_scaled_units(partner, m, static_cast<float>(0.5 / partner_peak), out);
  return false;
}

}  // namespace

void check_rows(const SampleView& samples, const Rows& rows) {
  const std::size_t batch = rows.offsets.size();
  if (batch == 0) throw Error("E_ARGUMENT", "rows must name at least one utterance");
  if (rows.lengths.size() != batch || rows.keys.size() != batch) {
    throw Error("E_ARGUMENT", "rows.offsets, rows.lengths and rows.keys must have one length, got " + std::to_string(batch) +
                                  ", " + std::to_string(rows.lengths.size()) + " and " + std::to_string(rows.keys.size()));
  }
  for (std::size_t b = 0; b < batch; ++b) {
    if (rows.lengths[b] < 400) {
      fail(b, "an utterance must have at least 400 samples (25 ms at 16 kHz), got " + std::to_string(rows.lengths[b]));
    }
    if (!inside(samples, rows.offsets[b], rows.lengths[b])) {
      fail(b, range(rows.offsets[b], rows.lengths[b]) + " lie outside the store of " + std::to_string(samples.size) +
                  " samples; rebuild the store or its index");
    }
  }
}

void check_mix(const SampleView& samples, const Rows& rows, const MixRows& mix) {
  if (mix.kind == MixKind::none) return;
  const std::size_t batch = rows.offsets.size();
  const auto sized = [batch](const auto& v) { return v.size() == batch; };
  bool whole = sized(mix.active) && sized(mix.partner_offsets) && sized(mix.partner_lengths) && sized(mix.lambda);
  if (mix.kind == MixKind::eam) {
    whole = whole && sized(mix.starts) && sized(mix.partner_starts) && sized(mix.segment_lengths) && sized(mix.snr);
  }
  if (!whole) throw Error("E_ARGUMENT", "every array of a mix plan must have one element a row, " + std::to_string(batch));
  for (std::size_t b = 0; b < batch; ++b) {
    if (mix.active[b] == 0) continue;
    if (!inside(samples, mix.partner_offsets[b], mix.partner_lengths[b])) {
      fail(b, "the partner's " + range(mix.partner_offsets[b], mix.partner_lengths[b]) + " lie outside the store");
    }
    if (!(mix.lambda[b] >= 0 && mix.lambda[b] <= 1)) {
      fail(b, "lambda must be in [0, 1], got " + std::to_string(mix.lambda[b]));
    }
    if (mix.kind != MixKind::eam) continue;
    const std::int64_t n = mix.segment_lengths[b];
    if (n < 1 || mix.starts[b] < 0 || n > rows.lengths[b] || mix.starts[b] > rows.lengths[b] - n) {
      fail(b, "the segment [" + std::to_string(mix.starts[b]) + ", + " + std::to_string(n) +
                  ") lies outside its utterance of " + std::to_string(rows.lengths[b]) + " samples");
    }
    if (mix.partner_starts[b] < 0 || n > mix.partner_lengths[b] || mix.partner_starts[b] > mix.partner_lengths[b] - n) {
      fail(b, "the partner's segment [" + std::to_string(mix.partner_starts[b]) + ", + " + std::to_string(n) +
                  ") lies outside its utterance of " + std::to_string(mix.partner_lengths[b]) + " samples");
    }
    if (!std::isfinite(mix.snr[b])) fail(b, "snr must be finite");
  }
}

std::int64_t mixed_length(const Rows& rows, const MixRows& mix, std::size_t b) {
  if (mix.kind == MixKind::lam && is_active(mix, b)) return std::max(rows.lengths[b], mix.partner_lengths[b]);
  return rows.lengths[b];
}

bool mix_row(const SampleView& samples, const Rows& rows, const MixRows& mix, std::size_t b, float* out) {
  if (!is_active(mix, b)) {
    to_float(samples.data + rows.offsets[b], rows.lengths[b], out);
    return false;
  }
  return mix.kind == MixKind::eam ? mix_eam(samples, rows, mix, b, out) : mix_lam(samples, rows, mix, b, out);
}

void mix_labels(const MixRows& mix, const std::vector<std::uint8_t>& skipped, const std::vector<float>& partner_labels,
                std::int64_t classes, std::vector<float>& labels) {
  if (mix.kind == MixKind::none) return;
  for (std::size_t b = 0; b < mix.active.size(); ++b) {
    if (mix.active[b] == 0 || skipped[b] != 0) continue;
    const auto lambda = static_cast<float>(mix.lambda[b]);
    for (std::int64_t c = 0; c < classes; ++c) {
      const std::size_t at = b * static_cast<std::size_t>(classes) + static_cast<std::size_t>(c);
      labels[at] = (1.0f - lambda) * labels[at] + lambda * partner_labels[at];
    }
  }
}

}  // namespace ser
