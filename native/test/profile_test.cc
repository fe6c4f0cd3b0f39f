// A profile of training steps: its phases are the whole time, its trace is JSON with a slice of each.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "engine/engine.h"
#include "test/check.h"
#include "test/small_training.h"

namespace {

constexpr int kUtterances = 4, kLength = 8000;

ser::StepRequest request(int step) { return ser::test::small_step(step, kUtterances, kLength, 0, 2, ser::MixKind::none); }

std::map<std::string, double> by_name(const ser::ProfileResult& result) { return {result.phases.begin(), result.phases.end()}; }

}  // namespace

int main() {
  const std::string folder = (std::filesystem::temp_directory_path() / ("ser-profile-" + std::to_string(::getpid()))).string();
  std::filesystem::create_directories(folder);
  ser::test::write_samples(folder + "/store", ser::test::noise_samples(kUtterances * kLength, 0));
  const std::atomic<bool> cancelled{false};
  const auto engine = ser::make_engine({}, cancelled);
  const ser::Handle store = engine->open_store(folder + "/store", kUtterances * kLength);
  const ser::Handle model = engine->create_model(ser::test::small_model(2), 1, 0);
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
  const std::string text = ser::test::bytes_of(folder + "/trace.json");
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
