// Batches made on the GPU against those of mix.cc and augment.cc: samples, labels and flags to the bit, from a store that lies
// on the GPU and from one that is sent batch by batch.
#include <cstring>
#include <limits>
#include <vector>

#include "engine/philox.h"
#include "mix/augment.h"
#include "mix/mix_device.h"
#include "test/gpu/compare.h"
#include "test/mix_plan.h"

namespace {

constexpr std::int64_t kStore = 400000, kClasses = 5;
constexpr std::uint64_t kSeed = 99;

std::uint32_t draw(std::uint32_t index, std::uint32_t stream) { return ser::philox4x32({index, stream, 0, 0}, {5, 6})[0]; }

std::vector<std::int16_t> make_samples() {
  std::vector<std::int16_t> out(kStore);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = i % 50000 < 6000 ? std::int16_t{0} : static_cast<std::int16_t>(draw(static_cast<std::uint32_t>(i), 0) >> 18);
  }
  return out;
}

struct Plan : ser::test::MixPlan {
  ser::AugmentRows augment;
  std::vector<float> labels, partner_labels;
};

Plan make_plan(ser::MixKind kind, std::uint32_t stream, bool augments) {
  Plan plan;
  plan.mix.kind = kind;
  std::uint32_t next = 0;
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(draw(next++, stream) % static_cast<std::uint32_t>(high - low + 1));
  };
  for (std::uint32_t b = 0; b < 24; ++b) {
    const std::int64_t length = pick(400, 40000), partner = pick(400, 40000);
    const std::int64_t segment = std::min(pick(1, (length - 1) / 2), partner);
    ser::test::add_row(plan, kStore, {length, partner, segment, b % 5 != 0}, pick);
    for (std::int64_t c = 0; c < kClasses; ++c) {
      plan.labels.push_back(0.01f * static_cast<float>(pick(0, 100)));
      plan.partner_labels.push_back(0.01f * static_cast<float>(pick(0, 100)));
    }
    if (!augments) continue;
    plan.augment.gain.push_back(static_cast<float>(pick(-6, 6)));
    plan.augment.noise.push_back(b % 3 == 0 ? NAN : static_cast<float>(pick(5, 35)));
  }
  return plan;
}

struct Verdict {
  bool samples = true, labels = true, skipped = true;
  double noise = 0;
};

void compare(const ser::SampleView& view, const Plan& plan, std::uint32_t step, const ser::DeviceBatch& made,
             Verdict& verdict) {
  const at::Tensor samples = made.samples.cpu(), labels = made.labels.cpu(), flags = made.skipped.cpu();
  std::vector<std::uint8_t> skipped;
  for (std::size_t b = 0; b < plan.rows.offsets.size(); ++b) {
    std::vector<float> row(static_cast<std::size_t>(ser::mixed_length(plan.rows, plan.mix, b)));
    skipped.push_back(ser::mix_row(view, plan.rows, plan.mix, b, row.data()) ? 1 : 0);
    ser::augment_row(plan.augment, b, {kSeed, step, plan.rows.keys[b]}, row);
    const float* got = samples.const_data_ptr<float>() + made.slots[b];
    verdict.samples = verdict.samples && made.lengths[b] == static_cast<std::int64_t>(row.size());
    if (plan.augment.noise.empty() || std::isnan(plan.augment.noise[b])) {
      verdict.samples = verdict.samples && std::memcmp(got, row.data(), row.size() * sizeof(float)) == 0;
      continue;
    }
    for (std::size_t t = 0; t < row.size(); ++t) {
      verdict.noise = ser::test::worse(verdict.noise, std::abs(static_cast<double>(got[t]) - static_cast<double>(row[t])));
    }
  }
  std::vector<float> want = plan.labels;
  ser::mix_labels(plan.mix, skipped, plan.partner_labels, kClasses, want);
  verdict.labels = verdict.labels && std::memcmp(labels.const_data_ptr(), want.data(), want.size() * sizeof(float)) == 0;
  verdict.skipped = verdict.skipped && std::memcmp(flags.const_data_ptr(), skipped.data(), skipped.size()) == 0;
}

// Six batches are queued before the first is looked at, so that buffers are used again while work is under way.
void batches(ser::DeviceStore& store, ser::MixKind kind, bool augments, std::int64_t align, const std::string& name) {
  std::vector<Plan> plans;
  std::vector<ser::DeviceBatch> made;
  for (std::uint32_t step = 0; step < 6; ++step) plans.push_back(make_plan(kind, 10 + step, augments));
  for (std::uint32_t step = 0; step < 6; ++step) {
    const Plan& plan = plans[step];
    ser::BatchLayout layout;
    layout.align = align;
    made.push_back(ser::make_device_batch(
        store, {plan.rows, plan.mix, plan.augment, plan.labels, plan.partner_labels, kSeed, step}, kClasses, layout));
  }
  Verdict verdict;
  for (std::uint32_t step = 0; step < 6; ++step) compare(store.view(), plans[step], step, made[step], verdict);
  SER_CHECK(verdict.samples, name + ": samples to the bit");
  SER_CHECK(verdict.labels, name + ": labels to the bit");
  SER_CHECK(verdict.skipped, name + ": the same rows are skipped");
  if (augments) SER_CHECK_WITHIN(verdict.noise, 1e-6, name + ": noise");
}

void normalised(ser::DeviceStore& store) {
  const Plan plan = make_plan(ser::MixKind::eam, 3, false);
  ser::BatchLayout layout;
  layout.align = 320;
  const ser::DeviceRequest request{plan.rows, plan.mix, plan.augment, plan.labels, plan.partner_labels};
  const at::Tensor plain = ser::make_device_batch(store, request, kClasses, layout).samples.cpu().to(at::kDouble);
  layout.normalise = true;
  const ser::DeviceBatch made = ser::make_device_batch(store, request, kClasses, layout);
  const at::Tensor own = made.samples.cpu().to(at::kDouble);
  double worst = 0;
  for (std::size_t b = 0; b < made.lengths.size(); ++b) {
    const at::Tensor row = plain.narrow(0, made.slots[b], made.lengths[b]);
    const at::Tensor want = (row - row.mean()) * at::rsqrt(row.var(/*unbiased=*/false) + layout.epsilon);
    worst = ser::test::worse(worst, (own.narrow(0, made.slots[b], made.lengths[b]) - want).abs().max().item<double>());
  }
  SER_CHECK_WITHIN(worst, 5e-6, "normalised, absolute at values of up to ten");
}

}  // namespace

int main() {
  const auto device = ser::test::gpu("device_batch");
  if (!device) return ser::test::kSkipped;
  const auto samples = make_samples();
  const ser::SampleView view{samples.data(), kStore};
  ser::DeviceStore resident(view, *device, 0), sent(view, *device, std::numeric_limits<std::int64_t>::max());
  SER_CHECK(resident.resident() && !sent.resident(), "one store lies on the GPU, one is sent batch by batch");
  for (ser::DeviceStore* store : {&resident, &sent}) {
    const std::string name = store->resident() ? "resident, " : "sent, ";
    batches(*store, ser::MixKind::none, false, 1, name + "no mixing");
    batches(*store, ser::MixKind::eam, false, 320, name + "EAM");
    batches(*store, ser::MixKind::lam, true, 1, name + "LAM with gain and noise");
  }
  normalised(resident);
  return ser::test::finish("device_batch");
}
