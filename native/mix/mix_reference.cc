// Mixing in plain loops, as method.md reads: slow, and the oracle of mix.cc.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "mix/mix.h"

namespace ser {

bool mix_row_reference(const SampleView& samples, const Rows& rows, const MixRows& mix, std::size_t b, float* out) {
  const std::int16_t* base = samples.data + rows.offsets[b];
  const std::int64_t length = rows.lengths[b];
  for (std::int64_t t = 0; t < length; ++t) out[t] = static_cast<float>(base[t]) / 32768.0f;
  if (mix.kind == MixKind::none || mix.active[b] == 0) return false;
  const std::int16_t* partner = samples.data + mix.partner_offsets[b];

  if (mix.kind == MixKind::lam) {
    const std::int64_t partner_length = mix.partner_lengths[b];
    for (std::int64_t t = length; t < partner_length; ++t) out[t] = 0.0f;
    int peak = 0, partner_peak = 0;
    for (std::int64_t t = 0; t < length; ++t) peak = std::max(peak, std::abs(static_cast<int>(base[t])));
    for (std::int64_t t = 0; t < partner_length; ++t)
      partner_peak = std::max(partner_peak, std::abs(static_cast<int>(partner[t])));
    if (peak == 0 || partner_peak == 0) return true;
    const auto gain = static_cast<float>(0.5 / peak), partner_gain = static_cast<float>(0.5 / partner_peak);
    for (std::int64_t t = 0; t < std::max(length, partner_length); ++t) {
      const float own = t < length ? gain * static_cast<float>(base[t]) : 0.0f;
      out[t] = t < partner_length ? std::fma(partner_gain, static_cast<float>(partner[t]), own) : own;
    }
    return false;
  }

  const std::int64_t n = mix.segment_lengths[b];
  std::int64_t energy = 0, partner_energy = 0;
  for (std::int64_t t = 0; t < n; ++t) {
    const std::int64_t x = base[mix.starts[b] + t], y = partner[mix.partner_starts[b] + t];
    energy += x * x;
    partner_energy += y * y;
  }
  const double full_scale = 32768.0 * 32768.0;
  const double silent = kSilentPower * full_scale * static_cast<double>(n);
  if (static_cast<double>(energy) < silent || static_cast<double>(partner_energy) < silent) return true;
  const double target = static_cast<double>(energy) / std::pow(10.0, mix.snr[b] / 10.0);
  const auto scale = static_cast<float>(std::sqrt(target / static_cast<double>(partner_energy)));
  for (std::int64_t t = 0; t < n; ++t) {
    float& sample = out[mix.starts[b] + t];
    sample = std::fma(scale, static_cast<float>(partner[mix.partner_starts[b] + t]) / 32768.0f, sample);
  }
  return false;
}

}  // namespace ser
