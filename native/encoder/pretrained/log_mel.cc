#include "encoder/pretrained/log_mel.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/fft_rfft.h>
#include <ATen/ops/hann_window.h>
#include <ATen/ops/log10.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/reflection_pad1d.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "encoder/pretrained/log_mel_kernel.h"
#include "engine/engine.h"
#include "engine/upload.h"

namespace ser {
namespace {

constexpr std::int64_t kBins = kLogMelWindow / 2 + 1;
constexpr std::int64_t kHalf = kLogMelWindow / 2;
constexpr std::int64_t kMaxBands = 256;
constexpr double kRate = 16000;
// Frames of one task: enough to outweigh the hand-over to a thread, few enough to share out one long utterance.
constexpr std::int64_t kTaskFrames = 128;

// Slaney's scale: linear to 1000 Hz, logarithmic above.
constexpr double kHertzPerMel = 200.0 / 3, kKnee = 1000;

double to_mel(double hertz) {
  return hertz < kKnee ? hertz / kHertzPerMel : kKnee / kHertzPerMel + std::log(hertz / kKnee) * 27 / std::log(6.4);
}

double to_hertz(double mel) {
  const double knee = kKnee / kHertzPerMel;
  return mel < knee ? mel * kHertzPerMel : kKnee * std::exp(std::log(6.4) / 27 * (mel - knee));
}

std::vector<double> make_corners(std::int64_t bands) {
  std::vector<double> corners;
  const double high = to_mel(kRate / 2);
  for (std::int64_t i = 0; i < bands + 2; ++i) {
    corners.push_back(to_hertz(high * static_cast<double>(i) / static_cast<double>(bands + 1)));
  }
  return corners;
}

// Weight of bin k in filter m; corners m, m + 1, m + 2 are its left foot, top and right foot.
double weight(const std::vector<double>& corners, std::int64_t m, std::int64_t k) {
  const double f = static_cast<double>(k) * kRate / kLogMelWindow;
  const double up = (f - corners[m]) / (corners[m + 1] - corners[m]);
  const double down = (corners[m + 2] - f) / (corners[m + 2] - corners[m + 1]);
  return std::max(0.0, std::min(up, down)) * 2 / (corners[m + 2] - corners[m]);
}

LogMelFilters make_filters(std::int64_t bands) {
  const std::vector<double> corners = make_corners(bands);
  LogMelFilters filters;
  filters.bands = bands;
  filters.band.assign(kBins, -1);
  filters.rising.assign(kBins, 0);
  filters.falling.assign(kBins, 0);
  std::int64_t m = 0;
  for (std::int64_t k = 0; k < kBins; ++k) {
    const double f = static_cast<double>(k) * kRate / kLogMelWindow;
    while (m < bands && corners[m + 1] <= f) ++m;  // corners[m] <= f < corners[m + 1], but at the upper end
    filters.band[k] = static_cast<std::int32_t>(m);
    if (m < bands) filters.rising[k] = weight(corners, m, k);
    if (m > 0) filters.falling[k] = weight(corners, m - 1, k);
  }
  return filters;
}

std::vector<std::int64_t> check(const at::Tensor& samples, const std::vector<std::int64_t>& lengths, std::int64_t bands,
                                std::int64_t pad_to) {
  if (bands < 1 || bands > kMaxBands)
    throw Error("E_ARGUMENT", "log-mel: bands must be in 1..256, got " + std::to_string(bands));
  std::vector<std::int64_t> frames;
  std::int64_t total = 0;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    if (lengths[b] < 1 || std::max(lengths[b], pad_to) <= kHalf) {
      throw Error("E_ARGUMENT", "log-mel: utterance " + std::to_string(b) + " must have more than 200 samples, got " +
                                    std::to_string(lengths[b]));
    }
    frames.push_back(std::max(lengths[b], pad_to) / kLogMelHop);
    total += lengths[b];
  }
  TORCH_CHECK(samples.dim() == 1 && samples.size(0) == total, "log-mel: expected ", total, " samples, got ", samples.sizes());
  return frames;
}

struct Stretch {
  const float* samples = nullptr;
  std::int64_t length = 0, padded = 0;
};

// Copies the frame's samples, with zeros and reflections where it reaches over the end.
void copy_frame(const Stretch& stretch, std::int64_t first, float* to) {
  for (std::int64_t i = 0; i < kLogMelWindow; ++i) {
    std::int64_t at = std::abs(first + i);
    if (at >= stretch.padded) at = 2 * (stretch.padded - 1) - at;
    to[i] = at < stretch.length ? stretch.samples[at] : 0.0f;
  }
}

// Energies of frames [from, to) of a stretch.
void energies_of(const LogMelTables& tables, const LogMelFilters& filters, const Stretch& stretch, std::int64_t from,
                 std::int64_t to, float* out) {
  std::vector<const float*> pointers;
  std::vector<float> copies;
  std::vector<std::size_t> copied;
  std::int64_t t = from;
  for (; t < to; ++t) {
    const std::int64_t first = t * kLogMelHop - kHalf;
    if (first >= stretch.length) break;  // silence from here on: what is reflected at the end lies further on, too
    if (first >= 0 && first + kLogMelWindow <= stretch.length) {
      pointers.push_back(stretch.samples + first);
      continue;
    }
    copied.push_back(pointers.size());
    pointers.push_back(nullptr);
    copies.resize(copies.size() + kLogMelWindow);
    copy_frame(stretch, first, copies.data() + copies.size() - kLogMelWindow);
  }
  for (std::size_t i = 0; i < copied.size(); ++i) pointers[copied[i]] = copies.data() + i * kLogMelWindow;
  const auto count = static_cast<std::int64_t>(pointers.size());
  if (count > 0) log_mel_energies(tables, filters, pointers.data(), count, out);
  std::fill(out + count * filters.bands, out + (to - from) * filters.bands, 0.0f);
}

}  // namespace

at::Tensor log_mel(const at::Tensor& samples, const std::vector<std::int64_t>& lengths, std::int64_t bands,
                   std::int64_t pad_to) {
  if (!samples.is_cpu()) return log_mel_composite(samples, lengths, bands, pad_to);
  const std::vector<std::int64_t> frames = check(samples, lengths, bands, pad_to);
  static const LogMelTables tables;
  const LogMelFilters filters = make_filters(bands);
  const at::Tensor input = samples.to(at::kFloat).contiguous();

  struct Task {
    std::size_t stretch;
    std::int64_t from, to, row;
  };
  std::vector<Stretch> stretches;
  std::vector<std::int64_t> starts{0};
  std::vector<Task> tasks;
  const float* at_sample = input.const_data_ptr<float>();
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    stretches.push_back({at_sample, lengths[b], std::max(lengths[b], pad_to)});
    at_sample += lengths[b];
    for (std::int64_t from = 0; from < frames[b]; from += kTaskFrames) {
      tasks.push_back({b, from, std::min(from + kTaskFrames, frames[b]), starts[b] + from});
    }
    starts.push_back(starts[b] + frames[b]);
  }
  at::Tensor values = at::empty({starts.back(), bands}, input.options());
  float* out = values.mutable_data_ptr<float>();
  at::parallel_for(0, static_cast<std::int64_t>(tasks.size()), 1, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) {
      const Task& task = tasks[static_cast<std::size_t>(i)];
      energies_of(tables, filters, stretches[task.stretch], task.from, task.to, out + task.row * bands);
    }
  });
  values.clamp_min_(1e-10).log10_();
  at::parallel_for(0, static_cast<std::int64_t>(lengths.size()), 1, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t b = from; b < to; ++b) {
      const auto i = static_cast<std::size_t>(b);
      const std::int64_t n = frames[i] * bands;
      if (n == 0) continue;
      float* row = out + starts[i] * bands;
      log_mel_finish(n, *std::max_element(row, row + n) - 8.0f, row, row);
    }
  });
  return values;
}

at::Tensor log_mel_composite(const at::Tensor& samples, const std::vector<std::int64_t>& lengths, std::int64_t bands,
                             std::int64_t pad_to) {
  check(samples, lengths, bands, pad_to);
  const at::TensorOptions options = samples.options().dtype(at::kDouble);
  const at::Tensor window = at::hann_window(kLogMelWindow, /*periodic=*/true, options);
  const std::vector<double> corners = make_corners(bands);
  at::Tensor matrix = at::zeros({kBins, bands}, at::TensorOptions(at::kDouble));
  for (std::int64_t k = 0; k < kBins; ++k) {
    for (std::int64_t m = 0; m < bands; ++m) matrix.mutable_data_ptr<double>()[k * bands + m] = weight(corners, m, k);
  }
  matrix = upload(matrix, options);
  std::vector<at::Tensor> rows;
  std::int64_t start = 0;
  for (const std::int64_t length : lengths) {
    const std::int64_t padded = std::max(length, pad_to);
    const at::Tensor sound = at::constant_pad_nd(samples.narrow(0, start, length).to(at::kDouble), {0, padded - length});
    const at::Tensor reflected = at::reflection_pad1d(sound.view({1, 1, padded}), {kHalf, kHalf}).view(-1);
    const at::Tensor spectrum = at::fft_rfft(reflected.unfold(0, kLogMelWindow, kLogMelHop) * window).abs().square();
    const at::Tensor energy = spectrum.narrow(0, 0, padded / kLogMelHop).matmul(matrix);
    const at::Tensor values = at::log10(energy.clamp_min(1e-10));
    rows.push_back((at::maximum(values, values.max() - 8) + 4) / 4);
    start += length;
  }
  return at::cat(rows).to(at::kFloat);
}

}  // namespace ser
