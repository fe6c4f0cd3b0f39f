// The one thread of an env on which LibTorch runs.
//
// LibTorch never runs on libuv's pool: process.exit(), an uncaught throw and worker.terminate() wait for that pool, and
// `fs` starves behind it. A thread of our own can be told to stop and be joined, from wherever the end comes:
//   - the 'exit' event of `process`, through stop(): process.exit() runs no cleanup hooks, and static destructors under a
//     running thread are a crash;
//   - the cleanup hook of the env: a terminated worker emits no 'exit'.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "engine/engine.h"
#include "job.h"
#include "node_api.h"

namespace ser::binding {

class EngineThread {
 public:
  explicit EngineThread(napi_env env) : env_(env) {}
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // All of these: on the JavaScript thread only.
  void start(const StartOptions& options);
  // Ends the running job at its next safe point, joins, and rejects whatever is still pending.
  void stop();
  // Rejects every pending job, or the one with this id; a job that has ended already is not touched.
  void cancel(std::optional<std::uint64_t> id);
  // Returns the promise of `job`. Without a running thread that promise is rejected.
  Napi::Value enqueue(std::unique_ptr<Job> job);
  // Of the job enqueued last; 0 before the first.
  std::uint64_t last_job() const { return last_job_; }

 private:
  static void on_wake(napi_env env, napi_value callback, void* context, void* data);
  static void on_teardown(void* self);

  void loop(StartOptions options);
  void run(Job& job, Engine* engine, const std::optional<ErrorInfo>& broken);
  // Hands the oldest job that has run to the JavaScript thread, waiting for the device if need be.
  void deliver();
  bool deliverable() const { return !run_.empty() && (run_.front()->error() || run_.front()->ready()); }
  void halt();
  void settle_finished();
  void settle(Job& job);
  void pending_changed(std::ptrdiff_t by);

  const napi_env env_;
  std::thread thread_;
  napi_threadsafe_function wake_ = nullptr;
  std::uint64_t last_job_ = 0;
  // Jobs whose promise is not settled; while there are any, the event loop is kept alive.
  std::ptrdiff_t pending_ = 0;

  std::mutex mutex_;
  std::condition_variable work_or_stop_;
  // Under mutex_:
  std::deque<std::unique_ptr<Job>> queue_;
  std::deque<std::unique_ptr<Job>> finished_;
  std::uint64_t running_ = 0;
  bool stopping_ = false;

  // On the engine thread alone: jobs that have run, in their order; the first may still wait for the device.
  std::deque<std::unique_ptr<Job>> run_;

  // Read by the engine at its safe points; written under mutex_ so that it never outlives the job it was meant for.
  std::atomic<bool> cancelled_{false};
};

}  // namespace ser::binding
