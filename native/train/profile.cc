#include "train/profile.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/record_function.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <vector>

#if defined(__linux__)
// Of Kineto, which LibTorch carries and exports; weak, so that one without it still loads.
namespace libkineto {
class ClientInterface;
class LibkinetoApi {
 public:
  __attribute__((weak)) void registerClient(ClientInterface* client);
};
__attribute__((weak)) LibkinetoApi& api();
}  // namespace libkineto
#endif

namespace ser {
namespace {

namespace profiler = torch::autograd::profiler;
using torch::profiler::impl::ActivityType;
using torch::profiler::impl::ProfilerConfig;
using torch::profiler::impl::ProfilerState;

constexpr std::size_t kPhases = 8;
// Of a phase's slice in the trace; what follows the colons is the phase's name.
constexpr std::array<const char*, kPhases> kSlices{"ser::waiting", "ser::mixing",   "ser::encoder",   "ser::head",
                                                   "ser::losses",  "ser::backward", "ser::optimiser", "ser::other"};

const char* name_of(std::size_t phase) { return kSlices[phase] + sizeof("ser::") - 1; }

std::size_t index_of(Phase phase) { return static_cast<std::size_t>(phase); }

// LibTorch registers itself as a client when it is loaded, so that programs outside may ask for traces; Kineto then complains on
// stderr where its first use is on another thread, as here. Nobody outside asks this engine.
void quieten_kineto() {
#if defined(__linux__)
  if (&libkineto::api == nullptr) return;
  static const bool once = [] {
    libkineto::api().registerClient(nullptr);
    return true;
  }();
  static_cast<void>(once);
#endif
}

// A moment on a device's own clock.
class Moment {
 public:
  explicit Moment(at::Device device) : host_(std::chrono::steady_clock::now()) {
    if (device.is_cpu()) return;
    // Events of this flag keep the time; those of the default one do not.
    event_.emplace(device.type(), c10::EventFlag::BACKEND_DEFAULT);
    event_->record(at::accelerator::getCurrentStream(at::accelerator::getDeviceIndex()));
  }

  double seconds_until(const Moment& later) const {
    if (event_) return event_->elapsedTime(*later.event_) / 1000;
    return std::chrono::duration<double>(later.host_ - host_).count();
  }

  void wait() const {
    if (event_) event_->synchronize();
  }

 private:
  std::chrono::steady_clock::time_point host_;
  std::optional<c10::Event> event_;
};

}  // namespace

class Profile::State {
 public:
  explicit State(at::Device device) : device_(device) {
    std::set<ActivityType> activities{ActivityType::CPU};
    if (!device.is_cpu()) activities.insert(ActivityType::CUDA);
    const ProfilerConfig config(ProfilerState::KINETO);
    try {
      quieten_kineto();
      profiler::prepareProfiler(config, activities);
      profiler::enableProfiler(config, activities, {at::RecordScope::FUNCTION, at::RecordScope::USER_SCOPE});
      tracing_ = true;
    } catch (const std::exception& error) {
      problem_ = std::string("LibTorch's profiler could not be started: ") + error.what();
    }
    mark(Phase::waiting);
  }

  ~State() {
    leave();
    if (tracing_) stop();
  }

  void begin_step() {
    slice(step_, "ser::step");
    mark(Phase::other);
  }

  void end_step() {
    leave();
    mark(Phase::waiting);
    ++steps_;
  }

  void enter(Phase phase) {
    slice(phase_, kSlices[index_of(phase)]);
    mark(phase);
  }

  ProfileResult finish(const std::string& path) {
    leave();
    ProfileResult result;
    result.steps = steps_;
    // The last mark is the end of the last step: what follows it is nobody's wait.
    marks_.back().when.wait();
    std::array<double, kPhases> seconds{};
    for (std::size_t i = 0; i + 1 < marks_.size(); ++i) {
      seconds[index_of(marks_[i].phase)] += marks_[i].when.seconds_until(marks_[i + 1].when);
    }
    for (std::size_t i = 0; i < kPhases; ++i) {
      result.phases.emplace_back(name_of(i), seconds[i]);
      result.seconds += seconds[i];
    }
    if (tracing_) {
      if (auto traced = stop()) traced->save(path);
      std::error_code none;
      if (std::filesystem::file_size(path, none) == 0 || none)
        problem_ = "this LibTorch wrote no trace: it was built without Kineto";
    }
    result.problem = problem_;
    return result;
  }

 private:
  struct Mark {
    Phase phase;
    Moment when;
  };

  void mark(Phase phase) { marks_.push_back({phase, Moment(device_)}); }

  static void slice(std::optional<at::RecordFunction>& guard, const char* name) {
    guard.reset();
    guard.emplace(at::RecordScope::USER_SCOPE);
    if (guard->isActive()) guard->before(name);
  }

  void leave() {
    phase_.reset();
    step_.reset();
  }

  std::unique_ptr<profiler::ProfilerResult> stop() {
    tracing_ = false;
    return profiler::disableProfiler();
  }

  at::Device device_;
  std::vector<Mark> marks_;
  std::int64_t steps_ = 0;
  bool tracing_ = false;
  std::string problem_;
  std::optional<at::RecordFunction> step_, phase_;
};

namespace {
thread_local Profile* running = nullptr;
}  // namespace

Profile::Profile(at::Device device) {
  if (running != nullptr) throw Error("E_ARGUMENT", "a profile runs already; stop it first");
  state_ = std::make_unique<State>(device);
  running = this;
}

Profile::~Profile() {
  if (running == this) running = nullptr;
}

ProfileResult Profile::finish(const std::string& path) {
  running = nullptr;
  return state_->finish(path);
}

void profile_phase(Phase phase) {
  if (running != nullptr) running->state_->enter(phase);
}

ProfiledStep::ProfiledStep() {
  if (running != nullptr) running->state_->begin_step();
}

ProfiledStep::~ProfiledStep() {
  if (running != nullptr) running->state_->end_step();
}

}  // namespace ser
