#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "engine/engine.h"
#include "test/check.h"
#include "test/small_training.h"

namespace {

constexpr int kUtterances = 8, kLength = 9000, kClasses = 3;
std::string folder;

// Utterances of class c are tones of their own pitch in noise: easy to learn.
void write_store() {
  std::vector<std::int16_t> samples;
  for (int u = 0; u < kUtterances; ++u) {
    for (int t = 0; t < kLength; ++t) {
      const double noise =
          static_cast<double>(ser::test::draw(static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(u))) / 4294967296.0 -
          0.5;
      samples.push_back(static_cast<std::int16_t>(8000 * std::sin(0.05 * (1 + u % kClasses) * t) + 3000 * noise));
    }
  }
  ser::test::write_samples(folder + "/store", samples);
}

ser::TrainerConfig trainer_config() {
  ser::TrainerConfig config;
  config.average_decay = 0.99;
  config.seed = 77;
  return config;
}

// Everything random is on: mixing, masks, speed, noise and (in the model) dropout.
ser::StepRequest request(int step, bool augmented = true) {
  const auto kind = augmented ? ser::MixKind::eam : ser::MixKind::none;
  ser::StepRequest out = ser::test::small_step(step, kUtterances, kLength, 3000, kClasses, kind);
  out.learning_rate = 2e-3;
  for (int b = 0; b < kUtterances && augmented; ++b) {
    const auto pick = [&](std::uint32_t place, std::uint32_t below) { return ser::test::pick(step, b, place, below); };
    out.mix.active.push_back(pick(3, 2) == 0);
    out.augment.speed.push_back(0.9f + 0.1f * static_cast<float>(pick(7, 3)));
    out.augment.noise.push_back(20);
    out.augment.gain.push_back(static_cast<float>(pick(8, 7)) - 3);
    out.augment.warp.push_back(0.95f + 0.05f * static_cast<float>(pick(9, 3)));
    out.augment.time_masks.insert(out.augment.time_masks.end(), {0.1f * static_cast<float>(pick(10, 8)), 0.15f});
    out.augment.band_masks.insert(out.augment.band_masks.end(), {pick(11, 60), pick(12, 12)});
  }
  return out;
}

struct Session {
  std::atomic<bool> cancelled{false};
  std::unique_ptr<ser::Engine> engine;
  ser::Handle store, model, trainer;
  explicit Session(std::uint64_t seed = 1, ser::TrainerConfig config = trainer_config()) {
    ser::StartOptions options;
    options.threads = 2;
    engine = ser::make_engine(options, cancelled);
    store = engine->open_store(folder + "/store", kUtterances * kLength);
    model = engine->create_model(ser::test::small_model(kClasses), seed, 0);
    trainer = engine->create_trainer(model, config);
  }
  ser::StepResult step(const ser::StepRequest& r) { return engine->train_step(trainer, store, r); }
  std::string checkpoint(const std::string& name) {
    engine->save_trainer(trainer, folder + "/" + name, {});
    return ser::test::bytes_of(folder + "/" + name);
  }
};

bool same(const ser::StepResult& a, const ser::StepResult& b) {
  return std::memcmp(&a.total, &b.total, sizeof a.total) == 0 &&
         std::memcmp(&a.grad_norm, &b.grad_norm, sizeof a.grad_norm) == 0 && std::memcmp(&a.raw, &b.raw, sizeof a.raw) == 0 &&
         a.predictions == b.predictions && a.mix_skipped == b.mix_skipped;
}

void resume() {
  Session straight;
  std::vector<ser::StepResult> results;
  for (int s = 0; s < 6; ++s) results.push_back(straight.step(request(s)));
  const std::string end = straight.checkpoint("straight");

  {
    Session first;
    for (int s = 0; s < 3; ++s) first.step(request(s));
    first.checkpoint("middle");
  }
  Session second(/*seed=*/99);  // other initial weights: all that matters comes from the checkpoint
  second.engine->load_trainer(second.trainer, folder + "/middle");
  bool equal = true;
  for (int s = 3; s < 6; ++s) equal = equal && same(second.step(request(s)), results[static_cast<std::size_t>(s)]);
  SER_CHECK(equal, "3 steps, save, a new engine, load, 3 steps: every figure bit-equal to 6 steps");
  SER_CHECK(second.checkpoint("resumed") == end,
            "and the checkpoints are equal byte for byte (" + std::to_string(end.size()) + " bytes)");
}

void learns() {
  Session session;
  double first = 0, last = 0;
  int right = 0;
  for (int s = 0; s < 60; ++s) {
    const auto result = session.step(request(s, /*augmented=*/false));
    if (s == 0) first = result.raw.kl;
    last = result.raw.kl;
    right = 0;
    for (int b = 0; b < kUtterances; ++b) right += result.predictions[static_cast<std::size_t>(b)] == b % kClasses;
  }
  SER_CHECK(last < 0.2 * first, "60 steps on eight tones: KL " + ser::test::figure(first) + " to " + ser::test::figure(last));
  SER_CHECK(right == kUtterances, "all eight classified");
  const ser::Handle averaged = session.engine->create_model(ser::test::small_model(kClasses), 5, 0);
  session.engine->copy_average(session.trainer, averaged);
  ser::ForwardOptions options;
  options.weights = options.embedding = true;
  const auto out = session.engine->forward_rows(averaged, session.store, request(0, false).rows, options);
  right = 0;
  for (int b = 0; b < kUtterances; ++b) {
    const float* row = out.logits.data() + b * kClasses;
    right += static_cast<int>(std::max_element(row, row + kClasses) - row) == b % kClasses;
  }
  SER_CHECK(right >= kUtterances - 1, "the moving average classifies, too: " + std::to_string(right) + " of 8");
  double sum = 0;
  for (const float w : out.weights) sum += static_cast<double>(w);
  SER_CHECK_WITHIN(std::abs(sum - kUtterances), 1e-4, "pooling weights sum to 1 an utterance");

  session.engine->save_model(averaged, folder + "/model", {{"epoch", "1"}});
  const ser::Handle loaded = session.engine->create_model(ser::test::small_model(kClasses), 6, 0);
  session.engine->load_model(loaded, folder + "/model");
  SER_CHECK(session.engine->forward_rows(loaded, session.store, request(0, false).rows, options).logits == out.logits,
            "a saved model gives the same logits");
  auto other = ser::test::small_model(kClasses);
  other.classes = 4;
  const ser::Handle wrong = session.engine->create_model(other, 6, 0);
  SER_CHECK_ERROR(session.engine->load_model(wrong, folder + "/model"), "E_SHAPE", "head.classify");
  SER_CHECK_ERROR(session.engine->copy_average(session.trainer, wrong), "E_SHAPE", "same configuration");
  options.precision = ser::Precision::bf16;
  const auto half = session.engine->forward_rows(averaged, session.store, request(0, false).rows, options);
  double worst = 0;
  for (std::size_t i = 0; i < half.logits.size(); ++i)
    worst = ser::test::worse(worst, std::abs(static_cast<double>(half.logits[i] - out.logits[i])));
  SER_CHECK_WITHIN(worst, 0.2, "bf16 logits near fp32");
}

void non_finite() {
  Session session;
  session.step(request(0));
  const std::string before = session.checkpoint("before");
  auto bad = request(1);
  bad.augment.gain.assign(kUtterances, 3000);  // 10^150 overflows: infinite samples
  const auto result = session.step(bad);
  SER_CHECK(result.non_finite, "a loss that is not finite is flagged");
  SER_CHECK(session.checkpoint("after") == before,
            "and leaves weights, moments, statistics, average and step count as they were");
  SER_CHECK(!session.step(request(1)).non_finite, "the next step is sound");
}

void cancellation() {
  Session session;
  session.step(request(0));
  const std::string before = session.checkpoint("before");
  session.cancelled = true;
  SER_CHECK_ERROR(session.step(request(1)), "E_CANCELLED", "as they were");
  session.cancelled = false;
  SER_CHECK(session.checkpoint("after") == before, "a cancelled step leaves everything as it was");
}

void precision() {
  auto config = trainer_config();
  config.precision = ser::Precision::bf16;
  Session half(1, config), full;
  const auto a = half.step(request(0)), b = full.step(request(0));
  SER_CHECK_WITHIN(std::abs(a.total - b.total) / b.total, 0.05, "a bf16 step's loss is near the fp32 one's");
  SER_CHECK(!a.non_finite, "and finite");
}

void refusals() {
  Session session;
  auto bad = request(0);
  bad.labels.pop_back();
  SER_CHECK_ERROR(session.step(bad), "E_ARGUMENT", "labels must be B x C");
  bad = request(0);
  bad.labels[0] = 0.5f;
  bad.labels[1] = 0;
  bad.labels[2] = 0;
  SER_CHECK_ERROR(session.step(bad), "E_ARGUMENT", "sum to 1");
  bad = request(0);
  bad.augment.speed.pop_back();
  SER_CHECK_ERROR(session.step(bad), "E_ARGUMENT", "speed");
  SER_CHECK_ERROR(session.engine->train_step(session.model, session.store, request(0)), "E_HANDLE", "does not name a trainer");
  SER_CHECK_ERROR(session.engine->model_info(12345), "E_HANDLE", "names nothing");
  session.engine->release(session.model);
  SER_CHECK_ERROR(session.engine->model_info(session.model), "E_HANDLE", "released");
  SER_CHECK(!session.step(request(0)).non_finite, "a trainer keeps its model alive");
  SER_CHECK_ERROR(session.engine->open_store(folder + "/nothing", 5), "E_IO", "cannot open");
  SER_CHECK_ERROR(session.engine->open_store(folder + "/store", 5), "E_FORMAT", "its index says 5");
  SER_CHECK_ERROR(session.engine->load_trainer(session.trainer, folder + "/model"), "E_FORMAT", "no tensor");
  SER_CHECK(std::isfinite(session.engine->self_test()), "the self-test gives a finite loss");
}

}  // namespace

int main() {
  char name[] = "/tmp/ser-trainer-XXXXXX";
  folder = mkdtemp(name);
  write_store();
  resume();
  learns();
  non_finite();
  cancellation();
  precision();
  refusals();
  std::filesystem::remove_all(folder);
  return ser::test::finish("trainer");
}
