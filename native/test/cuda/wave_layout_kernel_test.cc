// The layout of waveforms in the emulator, against loops in double.
#include <vector>

#include "encoder/pretrained/wave_layout.cu"
#include "test/check.h"
#include "test/emulator/emulator.h"

namespace {

struct Batch {
  std::vector<std::int64_t> starts{0}, slots{0};
  std::vector<float> samples;
  std::size_t count() const { return starts.size() - 1; }
};

// Noise of a growing loudness on a constant.
Batch make_batch(const std::vector<std::int64_t>& lengths, std::int64_t hop, float offset) {
  Batch batch;
  for (const std::int64_t length : lengths) {
    batch.starts.push_back(batch.starts.back() + length);
    batch.slots.push_back(batch.slots.back() + (length + hop - 1) / hop * hop);
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(batch.starts.back()); ++i) {
    const auto draw = static_cast<float>((i * 2654435761u >> 7) % 2001) / 1000 - 1;
    batch.samples.push_back(offset + draw * (0.1f + static_cast<float>(i % 5000) / 5000));
  }
  return batch;
}

std::vector<float> run_kernels(const Batch& batch, bool normalise) {
  std::vector<float> out(static_cast<std::size_t>(batch.slots.back()), NAN);
  const auto count = static_cast<std::int64_t>(batch.count());
  std::vector<double> scratch(static_cast<std::size_t>(ser::wave_layout_scratch(batch.starts.back(), count)), NAN);
  ser::WaveLayout layout;
  layout.samples = batch.samples.data();
  layout.starts = batch.starts.data();
  layout.slots = batch.slots.data();
  layout.count = count;
  layout.read = batch.starts.back();
  layout.written = batch.slots.back();
  layout.normalise = normalise;
  layout.epsilon = 1e-7;
  layout.out = out.data();
  layout.scratch = scratch.data();
  ser::lay_out_waves(layout, nullptr);
  return out;
}

// Greatest difference over max(1, |value|); infinity where a slot is not filled with zeros.
double gap(const Batch& batch, const std::vector<float>& out, bool normalise) {
  double worst = 0;
  for (std::size_t b = 0; b < batch.count(); ++b) {
    const auto start = static_cast<std::size_t>(batch.starts[b]), slot = static_cast<std::size_t>(batch.slots[b]);
    const auto length = static_cast<std::size_t>(batch.starts[b + 1]) - start;
    double mean = 0, variance = 0;
    const auto value = [&](std::size_t t) { return static_cast<double>(batch.samples[start + t]); };
    for (std::size_t t = 0; t < length; ++t) mean += value(t) / static_cast<double>(length);
    for (std::size_t t = 0; t < length; ++t) variance += (value(t) - mean) * (value(t) - mean) / static_cast<double>(length);
    for (std::size_t t = 0; slot + t < static_cast<std::size_t>(batch.slots[b + 1]); ++t) {
      double want = 0;
      if (t < length) want = normalise ? (value(t) - mean) / std::sqrt(variance + 1e-7) : value(t);
      const double off = std::abs(static_cast<double>(out[slot + t]) - want) / std::max(1.0, std::abs(want));
      worst = ser::test::worse(worst, off);
      if (t >= length && out[slot + t] != 0) return INFINITY;
    }
  }
  return worst;
}

}  // namespace

int main() {
  const std::vector<std::vector<std::int64_t>> batches{{1}, {400, 0, 321}, {4096, 4097, 1}, {8193, 640, 319}, {1, 1, 13000}};
  for (const std::int64_t hop : {1, 320}) {
    double plain = 0, normalised = 0;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      ser::emulator::set_seed(i);
      const Batch batch = make_batch(batches[i], hop, 0.25f);
      plain = ser::test::worse(plain, gap(batch, run_kernels(batch, false), false));
      normalised = ser::test::worse(normalised, gap(batch, run_kernels(batch, true), true));
    }
    const std::string name = "hop " + std::to_string(hop);
    SER_CHECK_WITHIN(plain, 0, name + ": waveforms as they are");
    SER_CHECK_WITHIN(normalised, 1e-6, name + ": normalised");
  }

  const Batch batch = make_batch({9000, 333, 4096}, 320, 0);
  ser::emulator::set_seed(0);
  const auto first = run_kernels(batch, true);
  bool same = true;
  for (std::uint64_t seed = 1; seed < 5; ++seed) {
    ser::emulator::set_seed(seed);
    const auto again = run_kernels(batch, true);
    same = same && std::memcmp(first.data(), again.data(), first.size() * sizeof(float)) == 0;
  }
  SER_CHECK(same, "the same bits in 5 orders of threads and blocks");

  Batch silent = make_batch({500}, 320, 0);
  std::fill(silent.samples.begin(), silent.samples.end(), 0.0f);
  SER_CHECK(run_kernels(silent, true) == std::vector<float>(640), "silence stays silent");
  const auto before = ser::emulator::counters().launches;
  run_kernels(batch, false);
  run_kernels(batch, true);
  SER_CHECK(ser::emulator::counters().launches - before == 3, "one launch, two where waveforms are normalised");
  return ser::test::finish("wave_layout_kernel_test");
}
