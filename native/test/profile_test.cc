// A profile of training steps: its phases are the whole time, its trace is JSON with a slice of each.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "engine/engine.h"
#include "engine/philox.h"
#include "test/check.h"

namespace {

constexpr int kUtterances = 4, kLength = 8000;

ser::StepRequest request(int step) {
  ser::StepRequest out;
  out.step = step;
  out.learning_rate = 1e-3;
  out.center_learning_rate = 5e-3;
  for (int b = 0; b < kUtterances; ++b) {
    out.rows.offsets.push_back(b * kLength);
    out.rows.lengths.push_back(kLength);
    out.rows.keys.push_back(static_cast<std::uint32_t>(b));
    for (int c = 0; c < 2; ++c) out.labels.push_back(c == b % 2 ? 1.0f : 0.0f);
  }
  return out;
}

std::map<std::string, double> by_name(const ser::ProfileResult& result) { return {result.phases.begin(), result.phases.end()}; }

}  // namespace

int main() {
  const std::string folder = (std::filesystem::temp_directory_path() / ("ser-profile-" + std::to_string(::getpid()))).string();
  std::filesystem::create_directories(folder);
  {
    std::ofstream store(folder + "/store", std::ios::binary);
    for (std::uint32_t i = 0; i < kUtterances * kLength; ++i) {
      const auto sample = static_cast<std::int16_t>(ser::philox4x32({i, 0, 0, 0}, {1, 2})[0] >> 18);
      store.write(reinterpret_cast<const char*>(&sample), sizeof sample);
    }
  }
  const std::atomic<bool> cancelled{false};
  const auto engine = ser::make_engine({}, cancelled);
  const ser::Handle store = engine->open_store(folder + "/store", kUtterances * kLength);
  ser::ModelConfig shape;
  shape.classes = 2;
  shape.mel.conv_channels = 4;
  shape.mel.width = 16;
  shape.mel.layers = 1;
  shape.mel.heads = 2;
  shape.mel.feed_forward = 32;
  shape.pooling_heads = 2;
  shape.embedding = 8;
  const ser::Handle model = engine->create_model(shape, 1, 0);
  ser::TrainerConfig config;
  config.accumulate = 2;
  const ser::Handle trainer = engine->create_trainer(model, config);

  engine->train_step(trainer, store, request(0));
  SER_CHECK_ERROR(engine->stop_profile(folder + "/none"), "E_ARGUMENT", "no profile");
  engine->start_profile();
  SER_CHECK_ERROR(engine->start_profile(), "E_ARGUMENT", "runs already");
  for (int step = 1; step <= 3; ++step) engine->train_step(trainer, store, request(step));
  const ser::ProfileResult result = engine->stop_profile(folder + "/trace.json");
  SER_CHECK(result.steps == 3, "three steps are counted");
  double sum = 0;
  for (const auto& [name, seconds] : result.phases) {
    SER_CHECK(seconds >= 0, name + " takes no negative time");
    sum += seconds;
  }
  SER_CHECK_WITHIN(std::abs(sum / result.seconds - 1), 1e-9, "the phases are the whole time");
  const auto phases = by_name(result);
  for (const char* name : {"waiting", "mixing", "encoder", "head", "losses", "backward", "optimiser", "other"})
    SER_CHECK(phases.count(name) == 1, std::string(name) + " is a phase");
  for (const char* name : {"mixing", "encoder", "head", "losses", "backward", "optimiser"})
    SER_CHECK(phases.at(name) > 0, std::string(name) + " takes time");

  // Steps after the profile leave no mark, a second profile begins from nothing, and one without steps has no time.
  engine->train_step(trainer, store, request(4));
  engine->start_profile();
  const ser::ProfileResult empty = engine->stop_profile(folder + "/empty.json");
  SER_CHECK(empty.steps == 0 && empty.seconds == 0, "a profile without a step has no time");

  SER_CHECK(result.problem.empty(), "there is a trace: " + result.problem);
  std::ifstream file(folder + "/trace.json", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::map<std::string, int> slices;
  for (std::size_t at = 0; (at = text.find("\"ser::", at)) != std::string::npos;) {
    const std::size_t end = text.find('"', at + 1);
    ++slices[text.substr(at + 6, end - at - 6)];
    at = end;
  }
  SER_CHECK(slices["step"] == 3, "the trace has a slice of each step");
  SER_CHECK(slices["mixing"] == 3, "and of mixing");
  SER_CHECK(slices["encoder"] == 6, "and of the encoder, for each of two parts of a batch");
  SER_CHECK(slices["backward"] == 6, "and of their backward passes");

  std::filesystem::remove_all(folder);
  return ser::test::finish("profile");
}
