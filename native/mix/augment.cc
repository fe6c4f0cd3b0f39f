#include "mix/augment.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/philox.h"
#include "engine/vector_clones.h"

namespace ser {
namespace {

constexpr std::int64_t kShortest = 400;
constexpr double kPi = 3.14159265358979323846;
constexpr int kCrossings = 16;  // zero crossings of the sinc on each side
constexpr int kPhases = 256;    // between which the filter is interpolated linearly: about -90 dB of error
constexpr double kRollOff = 0.95;
constexpr double kBeta = 8.6;  // Kaiser window with 90 dB of attenuation

double bessel0(double x) {
  double sum = 1, term = 1;
  for (int k = 1; k < 50 && term > 1e-12 * sum; ++k) {
    term *= (x / (2 * k)) * (x / (2 * k));
    sum += term;
  }
  return sum;
}

SER_VECTOR_CLONES float filter_sample(const float* SER_RESTRICT x, const float* SER_RESTRICT low,
                                      const float* SER_RESTRICT high, float fraction, std::int64_t taps) {
  float sum[16] = {};
  for (std::int64_t k = 0; k < taps; k += 16) {
    for (int i = 0; i < 16; ++i) sum[i] += x[k + i] * (low[k + i] + fraction * (high[k + i] - low[k + i]));
  }
  float total = 0;
  for (const float part : sum) total += part;
  return total;
}

// White noise of unit variance: the sum of eight uniform 16-bit draws is close to normal, and needs no library function whose
// last bits differ between machines.
SER_VECTOR_CLONES void add_noise(PhiloxKey key, const NoiseKey& name, float scale, float* wave, std::int64_t n) {
  std::uint32_t words[4][kPhiloxLanes];
  constexpr float kCentre = 8 * 32767.5f;
  const float unit = scale / 53509.89f;  // sqrt(8 * (65536^2 - 1) / 12)
  for (std::int64_t t = 0; t < n; t += kPhiloxLanes) {
    philox_lanes(static_cast<std::uint32_t>(t), 0x6e6f6973u, name.utterance, name.step, key, words);
    const std::int64_t count = std::min<std::int64_t>(kPhiloxLanes, n - t);
    for (std::int64_t i = 0; i < count; ++i) {
      std::uint32_t sum = 0;
      for (int w = 0; w < 4; ++w) sum += (words[w][i] & 0xffffu) + (words[w][i] >> 16);
      wave[t + i] += (static_cast<float>(sum) - kCentre) * unit;
    }
  }
}

}  // namespace

void check_augment(const AugmentRows& augment, std::size_t batch) {
  const auto fail = [](const std::string& what) { throw Error("E_ARGUMENT", "augment." + what); };
  const auto rows = [&](const std::vector<float>& values, const char* name) {
    if (!values.empty() && values.size() != batch) {
      fail(std::string(name) + " must have one value a row (" + std::to_string(batch) + "), got " +
           std::to_string(values.size()));
    }
  };
  rows(augment.speed, "speed");
  rows(augment.gain, "gain");
  rows(augment.noise, "noise");
  rows(augment.warp, "warp");
  rows(augment.tempo, "tempo");
  const auto factors = [&](const std::vector<float>& values, const char* name) {
    for (const float value : values) {
      if (!(value >= 0.25f && value <= 4.0f))
        fail(std::string(name) + " factors must be in [0.25, 4], got " + std::to_string(value));
    }
  };
  factors(augment.speed, "speed");
  factors(augment.warp, "warp");
  factors(augment.tempo, "tempo");
  for (const float gain : augment.gain) {
    if (!std::isfinite(gain)) fail("gain must be finite");
  }
  if (augment.time_masks.size() % (2 * batch) != 0) fail("timeMasks must have the shape B x n x 2");
  if (augment.band_masks.size() % (2 * batch) != 0) fail("bandMasks must have the shape B x n x 2");
  for (const float part : augment.time_masks) {
    if (!(part >= 0 && part <= 1)) fail("timeMasks must be fractions in [0, 1], got " + std::to_string(part));
  }
}

std::int64_t augmented_length(const AugmentRows& augment, std::size_t b, std::int64_t length) {
  if (augment.speed.empty() || augment.speed[b] == 1.0f) return length;
  return std::max(kShortest,
                  static_cast<std::int64_t>(std::llround(static_cast<double>(length) / static_cast<double>(augment.speed[b]))));
}

void change_speed(const std::vector<float>& in, double factor, std::int64_t count, std::vector<float>& out) {
  const double cutoff = kRollOff * std::min(1.0, 1.0 / factor);
  const auto half = static_cast<std::int64_t>(std::ceil(kCrossings / cutoff));
  const std::int64_t taps = (2 * half + 15) / 16 * 16;
  std::vector<float> filter(static_cast<std::size_t>((kPhases + 1) * taps), 0.0f);
  const double norm = bessel0(kBeta);
  for (int phase = 0; phase <= kPhases; ++phase) {
    for (std::int64_t k = 0; k < 2 * half; ++k) {
      // Tap k weighs the input sample at floor(position) - half + 1 + k.
      const double distance = static_cast<double>(k - half + 1) - static_cast<double>(phase) / kPhases;
      const double reach = distance / static_cast<double>(half);
      if (std::abs(reach) >= 1) continue;
      const double x = kPi * cutoff * distance;
      const double sinc = std::abs(x) < 1e-9 ? 1.0 : std::sin(x) / x;
      filter[static_cast<std::size_t>(phase * taps + k)] =
          static_cast<float>(cutoff * sinc * bessel0(kBeta * std::sqrt(1 - reach * reach)) / norm);
    }
  }
  std::vector<float> padded(in.size() + static_cast<std::size_t>(2 * taps), 0.0f);
  std::copy(in.begin(), in.end(), padded.begin() + taps);
  out.resize(static_cast<std::size_t>(count));
  const auto size = static_cast<std::int64_t>(in.size());
  for (std::int64_t m = 0; m < count; ++m) {
    const double position = static_cast<double>(m) * factor;
    const auto whole = static_cast<std::int64_t>(position);
    const double phase = (position - static_cast<double>(whole)) * kPhases;
    const auto step = static_cast<std::int64_t>(phase);
    const std::int64_t start = whole - half + 1 + taps;
    if (whole >= size + half) {  // past the end, as after the stretch to the shortest length
      out[static_cast<std::size_t>(m)] = 0;
      continue;
    }
    out[static_cast<std::size_t>(m)] =
        filter_sample(padded.data() + start, filter.data() + step * taps, filter.data() + (step + 1) * taps,
                      static_cast<float>(phase - static_cast<double>(step)), taps);
  }
}

void augment_row(const AugmentRows& augment, std::size_t b, const NoiseKey& key, std::vector<float>& wave) {
  if (!augment.speed.empty() && augment.speed[b] != 1.0f) {
    std::vector<float> changed;
    change_speed(wave, static_cast<double>(augment.speed[b]),
                 augmented_length(augment, b, static_cast<std::int64_t>(wave.size())), changed);
    wave.swap(changed);
  }
  if (!augment.gain.empty()) {
    const auto gain = static_cast<float>(std::pow(10.0, static_cast<double>(augment.gain[b]) / 20));
    for (float& sample : wave) sample *= gain;
  }
  if (!augment.noise.empty() && !std::isnan(augment.noise[b])) {
    double energy = 0;
    for (const float sample : wave) energy += static_cast<double>(sample) * static_cast<double>(sample);
    const double power = energy / static_cast<double>(wave.size()) / std::pow(10.0, static_cast<double>(augment.noise[b]) / 10);
    add_noise({static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)}, key,
              static_cast<float>(std::sqrt(power)), wave.data(), static_cast<std::int64_t>(wave.size()));
  }
}

}  // namespace ser
