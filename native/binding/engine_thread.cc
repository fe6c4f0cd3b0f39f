#include "engine_thread.h"

#include <chrono>
#include <utility>

#include "failure.h"

namespace ser::binding {
namespace {

// Jobs that may have run without their results being there: one that the device computes, one behind it.
constexpr std::size_t kMostAhead = 2;
constexpr std::chrono::microseconds kAskEvery{50};

ErrorInfo cancelled() { return {"E_CANCELLED", "the call was cancelled before it was carried out"}; }
ErrorInfo stopped() { return {"E_STOPPED", "the engine was stopped before the call was carried out"}; }
ErrorInfo not_started() { return {"E_STOPPED", "the engine is not running: call start() first"}; }

}  // namespace

EngineThread::~EngineThread() { halt(); }

void EngineThread::start(const StartOptions& options) {
  if (thread_.joinable()) return;
  napi_value name = Napi::String::New(env_, "ser-native engine");
  // No JavaScript function behind it: a wake-up only says that finished_ is worth a look, so that nothing is lost or
  // freed twice when the env discards its queue of wake-ups.
  if (napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, on_wake, &wake_) != napi_ok) {
    throw Error("E_INTERNAL", "Node refused to create the engine's thread-safe function");
  }
  napi_unref_threadsafe_function(env_, wake_);
  // Hooks run last in, first out: ours must join the thread before Node's own hook frees the thread-safe function.
  napi_add_env_cleanup_hook(env_, on_teardown, this);
  stopping_ = false;
  try {
    thread_ = std::thread(&EngineThread::loop, this, options);
  } catch (...) {
    napi_remove_env_cleanup_hook(env_, on_teardown, this);
    napi_release_threadsafe_function(wake_, napi_tsfn_abort);
    wake_ = nullptr;
    throw;
  }
}

void EngineThread::stop() {
  if (!thread_.joinable()) return;
  napi_remove_env_cleanup_hook(env_, on_teardown, this);
  halt();
  settle_finished();
}

// Touches no JavaScript, so that it also serves an env that is being torn down.
void EngineThread::halt() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    cancelled_ = true;
  }
  work_or_stop_.notify_one();
  thread_.join();
  for (auto& job : queue_) {
    job->fail(stopped());
    finished_.push_back(std::move(job));
  }
  queue_.clear();
  napi_release_threadsafe_function(wake_, napi_tsfn_abort);
  wake_ = nullptr;
}

void EngineThread::on_teardown(void* self) { static_cast<EngineThread*>(self)->halt(); }

void EngineThread::cancel(std::optional<std::uint64_t> id) {
  const std::lock_guard lock(mutex_);
  if (running_ != 0 && (!id || *id == running_)) cancelled_ = true;
  // Left in the queue and skipped when their turn comes: promises are settled in the order of the calls.
  for (auto& job : queue_) {
    if (!id || *id == job->id) job->fail(cancelled());
  }
}

Napi::Value EngineThread::enqueue(std::unique_ptr<Job> job) {
  napi_value promise = nullptr;
  if (napi_create_promise(env_, &job->deferred, &promise) != napi_ok) throw Napi::Error::New(env_);
  job->id = ++last_job_;
  if (!thread_.joinable()) {
    job->fail(not_started());
    settle(*job);
    return {env_, promise};
  }
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  pending_changed(+1);
  work_or_stop_.notify_one();
  return {env_, promise};
}

void EngineThread::loop(StartOptions options) {
  std::unique_ptr<Engine> engine;
  std::optional<ErrorInfo> broken;
  try {
    // Here rather than in start(): opening a device takes a while, and device state may be tied to the thread.
    engine = make_engine(options, cancelled_);
  } catch (...) {
    broken = describe_current_exception();
  }
  while (true) {
    std::unique_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      const auto awake = [this] { return stopping_ || !queue_.empty(); };
      if (run_.empty()) {
        work_or_stop_.wait(lock, awake);
      } else {
        // A device has no condition variable to wait for: it is asked, often enough to go unnoticed beside a step.
        while (!deliverable() && !work_or_stop_.wait_for(lock, kAskEvery, awake)) {
        }
      }
      if (stopping_) break;
      if (!deliverable() && !queue_.empty()) {
        job = std::move(queue_.front());
        queue_.pop_front();
        running_ = job->id;
        cancelled_ = false;
      }
    }
    if (job == nullptr) {
      deliver();
      continue;
    }
    // Steps far ahead of the device would only hold its memory.
    while (run_.size() >= kMostAhead) deliver();
    run(*job, engine.get(), broken);
    {
      const std::lock_guard lock(mutex_);
      running_ = 0;
      if (stopping_ && job->error() && job->error()->code == "E_CANCELLED") job->fail(stopped());
    }
    run_.push_back(std::move(job));
  }
  while (!run_.empty()) deliver();
  // `engine` dies here, on the thread that made it.
}

void EngineThread::run(Job& job, Engine* engine, const std::optional<ErrorInfo>& broken) {
  if (!job.error() && broken) job.fail(*broken);
  if (job.error()) return;
  try {
    job.run(*engine);
  } catch (...) {
    job.fail(describe_current_exception());
  }
}

void EngineThread::deliver() {
  std::unique_ptr<Job> job = std::move(run_.front());
  run_.pop_front();
  if (!job->error()) {
    try {
      job->finish();
    } catch (...) {
      job->fail(describe_current_exception());
    }
  }
  {
    const std::lock_guard lock(mutex_);
    finished_.push_back(std::move(job));
  }
  napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void EngineThread::on_wake(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the env is being torn down: there is nobody left to tell
  static_cast<EngineThread*>(context)->settle_finished();
}

void EngineThread::settle_finished() {
  while (true) {
    std::unique_ptr<Job> job;
    {
      const std::lock_guard lock(mutex_);
      if (finished_.empty()) return;
      job = std::move(finished_.front());
      finished_.pop_front();
    }
    settle(*job);
    pending_changed(-1);
  }
}

// Never throws. Plain Node-API for the last call: an env that may no longer run JavaScript answers with a status, and
// then there is nobody left to tell.
void EngineThread::settle(Job& job) {
  const Napi::HandleScope scope(env_);
  std::optional<ErrorInfo> error = job.error();
  if (!error) {
    try {
      napi_resolve_deferred(env_, job.deferred, job.result(env_));
      return;
    } catch (const Napi::Error&) {
      // Its message is not asked for: where the env is being torn down, that would throw again.
      error = ErrorInfo{"E_OUT_OF_MEMORY", "there is no memory for the result of the call"};
    } catch (...) {
      error = describe_current_exception();
    }
  }
  napi_value reason = make_error(env_, *error, ErrorKind::error);
  if (reason != nullptr) napi_reject_deferred(env_, job.deferred, reason);
}

void EngineThread::pending_changed(std::ptrdiff_t by) {
  const bool was_idle = pending_ == 0;
  pending_ += by;
  if (wake_ == nullptr || was_idle == (pending_ == 0)) return;
  if (was_idle) {
    napi_ref_threadsafe_function(env_, wake_);
  } else {
    napi_unref_threadsafe_function(env_, wake_);
  }
}

}  // namespace ser::binding
