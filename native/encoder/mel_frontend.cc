#include "encoder/mel_frontend.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/fft_rfft.h>
#include <ATen/ops/hann_window.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "encoder/mel_kernel.h"
#include "engine/upload.h"

namespace ser {
namespace {

constexpr double kLowest = 60, kHighest = 7800, kRate = 16000;
constexpr std::int64_t kBins = kMelFft / 2 + 1;

double to_mel(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double to_hertz(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

// Weight of bin k in filter m; corners m, m + 1, m + 2 are its left foot, top and right foot.
double weight(const std::vector<double>& corners, std::int64_t m, std::int64_t k) {
  const double f = static_cast<double>(k) * kRate / kMelFft;
  const double up = (f - corners[m]) / (corners[m + 1] - corners[m]);
  const double down = (corners[m + 2] - f) / (corners[m + 2] - corners[m + 1]);
  return std::max(0.0, std::min(up, down));
}

MelFilters make_filters(std::int64_t bands, double warp) {
  const std::vector<double> corners = mel_corners(bands, warp);
  MelFilters filters;
  filters.bands = bands;
  filters.band.assign(kBins, -1);
  filters.rising.assign(kBins, 0);
  filters.falling.assign(kBins, 0);
  std::int64_t m = 0;
  for (std::int64_t k = 0; k < kBins; ++k) {
    const double f = static_cast<double>(k) * kRate / kMelFft;
    while (m + 1 < bands + 2 && corners[m + 1] <= f) ++m;  // corners[m] <= f < corners[m + 1]
    if (f < corners[0] || m > bands) continue;
    filters.band[k] = static_cast<std::int32_t>(m);
    if (m < bands) filters.rising[k] = static_cast<float>(weight(corners, m, k));
    if (m > 0) filters.falling[k] = static_cast<float>(weight(corners, m - 1, k));
  }
  return filters;
}

std::int64_t hop_of(const AugmentRows* augment, std::size_t b) {
  if (augment == nullptr || augment->tempo.empty()) return kMelHop;
  return std::max<std::int64_t>(1, std::llround(kMelHop * static_cast<double>(augment->tempo[b])));
}

double warp_of(const AugmentRows* augment, std::size_t b) {
  return augment == nullptr || augment->warp.empty() ? 1.0 : static_cast<double>(augment->warp[b]);
}

void mask_row(const AugmentRows& augment, std::size_t b, std::size_t batch, std::int64_t frames, std::int64_t bands,
              float* row) {
  const std::size_t times = augment.time_masks.size() / (2 * batch), strips = augment.band_masks.size() / (2 * batch);
  for (std::size_t i = 0; i < times; ++i) {
    const float* mask = augment.time_masks.data() + 2 * (b * times + i);
    const auto start = std::clamp<std::int64_t>(std::llround(mask[0] * static_cast<double>(frames)), 0, frames);
    const auto end = std::clamp<std::int64_t>(start + std::llround(mask[1] * static_cast<double>(frames)), start, frames);
    std::fill(row + start * bands, row + end * bands, 0.0f);
  }
  for (std::size_t i = 0; i < strips; ++i) {
    const std::int32_t* mask = augment.band_masks.data() + 2 * (b * strips + i);
    const std::int64_t first = std::clamp<std::int64_t>(mask[0], 0, bands);
    const std::int64_t last = std::clamp<std::int64_t>(first + std::max(mask[1], 0), first, bands);
    for (std::int64_t t = 0; t < frames; ++t) std::fill(row + t * bands + first, row + t * bands + last, 0.0f);
  }
}

// Bins x bands.
at::Tensor filter_matrix(std::int64_t bands, double warp) {
  const std::vector<double> corners = mel_corners(bands, warp);
  at::Tensor matrix = at::empty({kBins, bands}, at::TensorOptions(at::kFloat));
  float* out = matrix.mutable_data_ptr<float>();
  for (std::int64_t k = 0; k < kBins; ++k) {
    for (std::int64_t m = 0; m < bands; ++m) *out++ = static_cast<float>(weight(corners, m, k));
  }
  return matrix;
}

MelBatch make_batch(const MelFrontend& frontend, const Waves& waves, const AugmentRows* augment) {
  MelBatch out;
  for (std::size_t b = 0; b < waves.lengths.size(); ++b) {
    if (waves.lengths[b] < kMelWindow) {
      throw Error("E_ARGUMENT", "utterance " + std::to_string(b) + " must have at least 400 samples (25 ms), got " +
                                    std::to_string(waves.lengths[b]));
    }
    out.frames.push_back((waves.lengths[b] - kMelWindow) / hop_of(augment, b) + 1);
  }
  const std::int64_t longest = *std::max_element(out.frames.begin(), out.frames.end());
  out.values =
      at::empty({static_cast<std::int64_t>(out.frames.size()), 1, longest, frontend.bands}, at::TensorOptions(at::kFloat));
  return out;
}

}  // namespace

std::vector<double> mel_corners(std::int64_t bands, double warp) {
  std::vector<double> corners;
  const double low = to_mel(kLowest), high = to_mel(kHighest);
  for (std::int64_t i = 0; i < bands + 2; ++i) {
    corners.push_back(to_hertz(low + (high - low) * static_cast<double>(i) / static_cast<double>(bands + 1)) * warp);
  }
  return corners;
}

MelBatch mel_spectrogram(const MelFrontend& frontend, const Waves& waves, const AugmentRows* augment) {
  if (!waves.samples.is_cpu()) return mel_spectrogram_composite(frontend, waves, augment);
  static const MelTables tables;
  MelBatch out = make_batch(frontend, waves, augment);
  const std::size_t batch = waves.lengths.size();
  std::vector<std::int64_t> starts(batch, 0);
  for (std::size_t b = 1; b < batch; ++b) starts[b] = starts[b - 1] + waves.lengths[b - 1];
  const float* samples = waves.samples.const_data_ptr<float>();
  float* values = out.values.mutable_data_ptr<float>();
  const std::int64_t bands = frontend.bands, longest = out.values.size(2);
  const MelFilters plain = make_filters(bands, 1);
  at::parallel_for(0, static_cast<std::int64_t>(batch), 1, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) {
      const auto b = static_cast<std::size_t>(i);
      float* row = values + i * longest * bands;
      const double warp = warp_of(augment, b);
      const MelFilters warped = warp == 1 ? MelFilters() : make_filters(bands, warp);
      mel_rows(tables, warp == 1 ? plain : warped, samples + starts[b], hop_of(augment, b), out.frames[b], row);
      shift_rows(out.frames[b] * bands, frontend.mean, static_cast<float>(1 / frontend.deviation), row);
      std::fill(row + out.frames[b] * bands, row + longest * bands, 0.0f);
      if (augment != nullptr) mask_row(*augment, b, batch, out.frames[b], bands, row);
    }
  });
  return out;
}

MelBatch mel_spectrogram_composite(const MelFrontend& frontend, const Waves& waves, const AugmentRows* augment) {
  // A product of energies in bf16 would cost the logarithm its digits.
  const c10::impl::ExcludeDispatchKeyGuard full_precision(c10::autocast_dispatch_keyset);
  MelBatch out = make_batch(frontend, waves, augment);
  const std::size_t batch = waves.lengths.size();
  const at::TensorOptions options = waves.samples.options();
  const at::Tensor window = at::hann_window(kMelWindow, /*periodic=*/false, options);
  out.values = at::zeros(out.values.sizes(), options);
  const at::Tensor plain = upload(filter_matrix(frontend.bands, 1), options);
  std::int64_t start = 0;
  for (std::size_t b = 0; b < batch; ++b) {
    const auto row = static_cast<std::int64_t>(b);
    const double warp = warp_of(augment, b);
    const at::Tensor matrix = warp == 1 ? plain : upload(filter_matrix(frontend.bands, warp), options);
    const at::Tensor windows =
        waves.samples.narrow(0, start, waves.lengths[b]).unfold(0, kMelWindow, hop_of(augment, b)) * window;
    const at::Tensor spectrum = at::fft_rfft(windows, kMelFft).abs().square();
    const at::Tensor energy = spectrum.matmul(matrix);
    at::Tensor values = (energy + 1e-8).log();
    values = (std::isnan(frontend.mean) ? values - values.mean() : values - frontend.mean) / frontend.deviation;
    if (augment != nullptr) {
      at::Tensor keep = at::empty({out.frames[b], frontend.bands}, at::TensorOptions(at::kFloat)).fill_(1);
      mask_row(*augment, b, batch, out.frames[b], frontend.bands, keep.mutable_data_ptr<float>());
      values = values * upload(keep, options);
    }
    out.values.select(0, row).select(0, 0).narrow(0, 0, out.frames[b]).copy_(values);
    start += waves.lengths[b];
  }
  return out;
}

}  // namespace ser
