// The mixing kernels in the emulator: samples, labels and flags bit for bit against mix_reference.cc, normalised samples
// against doubles.
#include <vector>

#include "audio/store_placement.cc"
#include "mix/augment.cc"
#include "mix/mix.cu"
#include "mix/mix_entries.cc"
#include "mix/mix_reference.cc"
#include "test/check.h"
#include "test/emulator/emulator.h"

namespace {

using ser::MixKind;

// Whole numbers from a counter, the same everywhere.
struct Random {
  std::uint64_t state;
  std::uint64_t next() {
    state += 0x9e3779b97f4a7c15ull;
    std::uint64_t x = state;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
  }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
};

// Noise up to `loudest` with a stretch of zeros and one of full scale.
std::vector<std::int16_t> make_store(std::int64_t size, int loudest, Random& random) {
  std::vector<std::int16_t> store(static_cast<std::size_t>(size));
  for (std::int16_t& sample : store) {
    sample = static_cast<std::int16_t>(random.between(-loudest, loudest));
  }
  std::fill(store.begin() + size / 4, store.begin() + size / 3, std::int16_t{0});
  std::fill(store.begin() + size / 2, store.begin() + size / 2 + 50, std::int16_t{-32768});
  return store;
}

struct Plan {
  ser::Rows rows;
  ser::MixRows mix;
  ser::AugmentRows augment;
  std::vector<float> labels, partner_labels;
  int classes = 0;
  std::size_t count() const { return rows.offsets.size(); }
};

struct RowShape {
  std::int64_t length, partner;
};

Plan make_plan(MixKind kind, const std::vector<RowShape>& shapes, std::int64_t size, int classes, Random& random) {
  Plan plan;
  plan.mix.kind = kind;
  plan.classes = classes;
  for (const auto& [length, partner] : shapes) {
    const std::int64_t segment = random.between(1, std::min(length, partner));
    plan.rows.offsets.push_back(random.between(0, 7) == 0 ? size - length : random.between(0, size - length));
    plan.rows.lengths.push_back(length);
    plan.rows.keys.push_back(0);
    plan.mix.active.push_back(random.between(0, 4) != 0);
    plan.mix.partner_offsets.push_back(random.between(0, 7) == 0 ? size - partner : random.between(0, size - partner));
    plan.mix.partner_lengths.push_back(partner);
    plan.mix.segment_lengths.push_back(segment);
    // Often to the very end of one of the two.
    plan.mix.starts.push_back(random.between(0, 2) == 0 ? length - segment : random.between(0, length - segment));
    plan.mix.partner_starts.push_back(random.between(0, 2) == 0 ? partner - segment : random.between(0, partner - segment));
    plan.mix.snr.push_back(-5 + 15 * random.unit());
    plan.mix.lambda.push_back(random.unit());
    for (int c = 0; c < classes; ++c) {
      plan.labels.push_back(static_cast<float>(random.unit()));
      plan.partner_labels.push_back(static_cast<float>(random.unit()));
    }
  }
  if (kind == MixKind::none) plan.mix = ser::MixRows();
  return plan;
}

constexpr std::uint64_t kSeed = 0x123456789abcdefull;
constexpr std::uint32_t kStep = 7;

struct Made {
  std::vector<ser::MixEntry> entries;
  std::vector<float> samples, labels;
  std::vector<std::uint8_t> skipped;
};

Made run_kernels(const std::vector<std::int16_t>& store, const Plan& plan, const ser::SamplePlaces& places, std::int64_t align,
                 bool normalise) {
  Made made;
  made.entries = ser::mix_entries(plan.rows, plan.mix, places, align);
  const bool noises = ser::add_augment(plan.rows, plan.augment, made.entries);
  const std::int64_t total = ser::batch_samples(made.entries);
  made.samples.assign(static_cast<std::size_t>(total), NAN);
  made.labels.assign(plan.labels.size(), NAN);
  made.skipped.assign(plan.count(), 9);
  std::vector<unsigned char> scratch(ser::mix_scratch(total, static_cast<std::int64_t>(plan.count())), 0xff);
  ser::MixBatch batch;
  batch.samples = store.data();
  batch.entries = made.entries.data();
  batch.count = static_cast<std::int64_t>(plan.count());
  batch.total = total;
  batch.mixes = plan.mix.kind != MixKind::none;
  batch.noises = noises;
  batch.noise_seed = kSeed;
  batch.step = kStep;
  batch.normalise = normalise;
  batch.labels = plan.labels.data();
  batch.partner_labels = batch.mixes ? plan.partner_labels.data() : nullptr;
  batch.classes = plan.classes;
  batch.out = made.samples.data();
  batch.out_labels = made.labels.data();
  batch.skipped = made.skipped.data();
  batch.scratch = scratch.data();
  ser::mix_batch(batch, nullptr);
  return made;
}

Made run_kernels(const std::vector<std::int16_t>& store, const Plan& plan, std::int64_t align, bool normalise = false) {
  return run_kernels(store, plan, ser::places_in_store(plan.rows, plan.mix), align, normalise);
}

struct Verdict {
  bool samples = true, skipped = true, labels = true, zeros = true;
  int mixed_rows = 0, skipped_rows = 0;
  bool holds() const { return samples && skipped && labels && zeros; }
  void join(const Verdict& other) {
    samples = samples && other.samples;
    skipped = skipped && other.skipped;
    labels = labels && other.labels;
    zeros = zeros && other.zeros;
    mixed_rows += other.mixed_rows;
    skipped_rows += other.skipped_rows;
  }
};

std::vector<float> reference_row(const std::vector<std::int16_t>& store, const Plan& plan, std::size_t b, bool& skipped) {
  const bool lam = plan.mix.kind == MixKind::lam && plan.mix.active[b] != 0;
  const std::int64_t length = lam ? std::max(plan.rows.lengths[b], plan.mix.partner_lengths[b]) : plan.rows.lengths[b];
  std::vector<float> row(static_cast<std::size_t>(length));
  skipped = ser::mix_row_reference({store.data(), static_cast<std::int64_t>(store.size())}, plan.rows, plan.mix, b, row.data());
  return row;
}

Verdict compare(const std::vector<std::int16_t>& store, const Plan& plan, const Made& made, std::int64_t align) {
  Verdict verdict;
  std::size_t slot = 0;
  for (std::size_t b = 0; b < plan.count(); ++b) {
    bool skipped = false;
    const std::vector<float> row = reference_row(store, plan, b, skipped);
    verdict.samples = verdict.samples && std::memcmp(row.data(), made.samples.data() + slot, row.size() * sizeof(float)) == 0;
    verdict.skipped = verdict.skipped && made.skipped[b] == (skipped ? 1 : 0);
    const bool mixed = plan.mix.kind != MixKind::none && plan.mix.active[b] != 0 && !skipped;
    verdict.mixed_rows += mixed;
    verdict.skipped_rows += skipped;
    for (std::size_t i = b * static_cast<std::size_t>(plan.classes); i < (b + 1) * static_cast<std::size_t>(plan.classes);
         ++i) {
      // As mix_labels() does.
      const auto lambda = static_cast<float>(mixed ? plan.mix.lambda[b] : 0.0);
      const float want = mixed ? (1.0f - lambda) * plan.labels[i] + lambda * plan.partner_labels[i] : plan.labels[i];
      verdict.labels = verdict.labels && made.labels[i] == want;
    }
    const std::size_t end = slot + (row.size() + static_cast<std::size_t>(align) - 1) / static_cast<std::size_t>(align) *
                                       static_cast<std::size_t>(align);
    for (std::size_t t = slot + row.size(); t < end; ++t) verdict.zeros = verdict.zeros && made.samples[t] == 0;
    slot = end;
  }
  verdict.zeros = verdict.zeros && slot == made.samples.size();
  return verdict;
}

// Lengths around those of a chunk, of a block and of a slot, and of one sample.
std::vector<RowShape> odd_shapes(Random& random) {
  std::vector<RowShape> shapes{{1, 1}, {1, 700}, {2, 1}, {4096, 4097}, {4097, 4096}, {8192, 300}, {320, 640}, {255, 257}};
  for (int i = 0; i < 3; ++i) shapes.push_back({random.between(1, 6000), random.between(1, 6000)});
  return shapes;
}

void against_reference(MixKind kind, int loudest, const std::string& name) {
  Verdict all;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    Random random{seed * 100000 + static_cast<std::uint64_t>(loudest)};
    const auto store = make_store(30000, loudest, random);
    const Plan plan = make_plan(kind, odd_shapes(random), 30000, static_cast<int>(1 + seed * 3), random);
    ser::emulator::set_seed(seed);
    const std::int64_t align = seed % 2 == 0 ? 1 : 320;
    all.join(compare(store, plan, run_kernels(store, plan, align), align));
  }
  const std::string rows =
      " (" + std::to_string(all.mixed_rows) + " rows mixed, " + std::to_string(all.skipped_rows) + " skipped)";
  SER_CHECK(all.samples, name + ": samples bit-equal to the reference" + rows);
  SER_CHECK(all.skipped, name + ": the same rows are skipped");
  SER_CHECK(all.labels, name + ": labels bit-equal");
  SER_CHECK(all.zeros, name + ": zeros fill each slot, and no sample is missing");
  if (kind != MixKind::none) SER_CHECK(all.mixed_rows > 3 && all.skipped_rows > 0, name + ": both kinds of rows were met");
}

void silence() {
  // One segment right at the threshold of silence, one right under it: 1e-8 of full scale is a mean square of 10.74.
  std::vector<std::int16_t> store(4000, 100);
  Plan plan;
  plan.mix.kind = MixKind::eam;
  plan.classes = 0;
  const std::int64_t n = 100;
  for (int b = 0; b < 2; ++b) {
    plan.rows.offsets.push_back(0);
    plan.rows.lengths.push_back(1000);
    plan.rows.keys.push_back(0);
    plan.mix.active.push_back(1);
    plan.mix.partner_offsets.push_back(1000 + 1000 * b);
    plan.mix.partner_lengths.push_back(1000);
    plan.mix.segment_lengths.push_back(n);
    plan.mix.starts.push_back(900);
    plan.mix.partner_starts.push_back(0);
    plan.mix.snr.push_back(0);
    plan.mix.lambda.push_back(0.5);
    // 74 squares of 9 + 26 of 16 = 1082 over 1073.7; 78 of 9 + 22 of 16 = 1054 under it.
    for (std::int64_t t = 0; t < n; ++t) store[static_cast<std::size_t>(1000 + 1000 * b + t)] = t < (b == 0 ? 74 : 78) ? 3 : 4;
  }
  const Made made = run_kernels(store, plan, 1);
  SER_CHECK(made.skipped[0] == 0 && made.skipped[1] == 1, "a segment over 1e-8 of full scale is mixed, one under it is not");
  SER_CHECK(compare(store, plan, made, 1).holds(), "and both rows equal the reference");
}

// Gain alone is equal to the bit; noise is drawn from the same words, and its unit may differ in the last bit.
void augmenting() {
  ser::emulator::set_seed(13);
  double noisy_gap = 0, added = 0;
  bool gains = true;
  for (const MixKind kind : {MixKind::none, MixKind::eam, MixKind::lam}) {
    Random random{31};
    const auto store = make_store(30000, 3000, random);
    Plan plan = make_plan(kind, {{1, 1}, {5000, 4200}, {4097, 300}, {700, 2000}}, 30000, 2, random);
    plan.rows.keys = {3, 0, 0xffffffffu, 9};
    plan.augment.gain = {3, -4.5f, 0, 6};
    plan.augment.noise = {NAN, 10, -5, NAN};
    const Made made = run_kernels(store, plan, 320, false);
    for (std::size_t b = 0; b < plan.count(); ++b) {
      bool skipped = false;
      std::vector<float> row = reference_row(store, plan, b, skipped);
      const std::vector<float> before = row;
      ser::augment_row(plan.augment, b, {kSeed, kStep, plan.rows.keys[b]}, row);
      const float* got = made.samples.data() + made.entries[b].slot;
      if (made.entries[b].noise == 0) gains = gains && std::memcmp(got, row.data(), row.size() * sizeof(float)) == 0;
      for (std::size_t t = 0; t < row.size(); ++t) {
        noisy_gap = ser::test::worse(noisy_gap, std::abs(static_cast<double>(got[t]) - static_cast<double>(row[t])));
        added = std::max(added, std::abs(static_cast<double>(row[t]) - static_cast<double>(before[t])));
      }
    }
  }
  SER_CHECK(gains, "gain, and no noise where none is planned: bit-equal");
  SER_CHECK(added > 0.05, "noise was met");
  SER_CHECK_WITHIN(noisy_gap, 1e-6, "noise of the CPU's draws");
}

double normalised_gap(MixKind kind, std::uint64_t seed) {
  Random random{seed};
  const auto store = make_store(30000, 8000, random);
  const Plan plan = make_plan(kind, odd_shapes(random), 30000, 2, random);
  const Made made = run_kernels(store, plan, 320, true);
  double worst = 0;
  for (std::size_t b = 0; b < plan.count(); ++b) {
    bool skipped = false;
    const std::vector<float> row = reference_row(store, plan, b, skipped);
    double mean = 0, variance = 0;
    for (const float v : row) mean += static_cast<double>(v) / static_cast<double>(row.size());
    for (const float v : row)
      variance += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean) / static_cast<double>(row.size());
    for (std::size_t t = 0; t < row.size(); ++t) {
      const double want = (static_cast<double>(row[t]) - mean) / std::sqrt(variance + 1e-7);
      const double got = static_cast<double>(made.samples[static_cast<std::size_t>(made.entries[b].slot) + t]);
      worst = ser::test::worse(worst, std::abs(got - want) / std::max(1.0, std::abs(want)));
    }
    for (auto t = static_cast<std::size_t>(made.entries[b].slot) + row.size();
         t < static_cast<std::size_t>(made.entries[b].slot + made.entries[b].reserved); ++t) {
      if (made.samples[t] != 0) worst = INFINITY;
    }
  }
  return worst;
}

void normalising() {
  ser::emulator::set_seed(11);
  SER_CHECK_WITHIN(normalised_gap(MixKind::none, 1), 1e-6, "normalised without mixing");
  SER_CHECK_WITHIN(normalised_gap(MixKind::eam, 2), 1e-6, "normalised after EAM");
  SER_CHECK_WITHIN(normalised_gap(MixKind::lam, 3), 1e-6, "normalised after LAM");
}

void repeats() {
  Random random{17};
  const auto store = make_store(30000, 16000, random);
  const Plan plan = make_plan(MixKind::eam, odd_shapes(random), 30000, 3, random);
  ser::emulator::set_seed(0);
  const Made first = run_kernels(store, plan, 320, true);
  bool same = true;
  for (std::uint64_t seed = 1; seed < 4; ++seed) {
    ser::emulator::set_seed(seed);
    const Made again = run_kernels(store, plan, 320, true);
    same = same && std::memcmp(again.samples.data(), first.samples.data(), first.samples.size() * sizeof(float)) == 0;
  }
  SER_CHECK(same, "the same bits in 4 orders of threads and blocks");
}

// A batch whose samples were staged is the batch of the whole store.
void staging() {
  Random random{23};
  const auto store = make_store(30000, 3000, random);
  const ser::SampleView view{store.data(), 30000};
  bool holds = true, aligned = true;
  for (const MixKind kind : {MixKind::none, MixKind::eam, MixKind::lam}) {
    const Plan plan = make_plan(kind, odd_shapes(random), 30000, 2, random);
    const ser::Staging staging = ser::stage_rows(plan.rows, plan.mix);
    std::vector<std::int16_t> buffer(static_cast<std::size_t>(staging.samples), 12345);
    for (const ser::StagedSpan& span : staging.spans) {
      ser::copy_span(view, span, buffer.data());
      aligned = aligned && span.to % 8 == 0;
    }
    holds = holds && compare(store, plan, run_kernels(buffer, plan, staging.places, 320, false), 320).holds();
  }
  SER_CHECK(holds, "staged samples give the batch of the whole store");
  SER_CHECK(aligned, "each span is aligned to 16 bytes");

  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  SER_CHECK(ser::store_reserve(80 * kGiB) == 48 * kGiB && ser::store_reserve(kGiB) == 2 * kGiB, "60 % is kept free, or 2 GiB");
  SER_CHECK(ser::store_fits(1 << 29, 3 * kGiB, 2 * kGiB), "a corpus that leaves the reserve to the byte fits");
  SER_CHECK(!ser::store_fits((1 << 29) + 1, 3 * kGiB, 2 * kGiB), "one sample more does not");
  SER_CHECK(!ser::store_fits(1, kGiB, 2 * kGiB), "nor anything where less than the reserve is free");
}

void launches() {
  Random random{5};
  const auto store = make_store(9000, 2000, random);
  const Plan plain = make_plan(MixKind::none, {{500, 1}}, 9000, 1, random);
  const Plan mixed = make_plan(MixKind::eam, {{500, 400}}, 9000, 1, random);
  const auto count = [&](const Plan& plan, bool normalise) {
    const auto before = ser::emulator::counters().launches;
    run_kernels(store, plan, 1, normalise);
    return ser::emulator::counters().launches - before;
  };
  SER_CHECK(count(plain, false) == 1 && count(plain, true) == 2 && count(mixed, true) == 2, "one launch, or two");
}

}  // namespace

int main() {
  against_reference(MixKind::eam, 16383, "EAM");
  against_reference(MixKind::eam, 6, "EAM near silence");
  against_reference(MixKind::lam, 32767, "LAM at full scale");
  against_reference(MixKind::none, 32767, "no mixing");
  silence();
  normalising();
  augmenting();
  repeats();
  staging();
  launches();
  return ser::test::finish("mix_kernel_test");
}
