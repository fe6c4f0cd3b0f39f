// A call on its way through the engine thread and back: the work in plain C++, then its result as a JavaScript value.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "engine/engine.h"
#include "node_api.h"

namespace ser::binding {

class Job {
 public:
  virtual ~Job() = default;

  // On the engine thread; anything thrown is recorded by the caller through fail().
  virtual void run(Engine& engine) = 0;
  // Whether finish() would not wait. On the engine thread, after run() has succeeded; jobs run after it may come before.
  virtual bool ready() const { return true; }
  // Takes what the device has computed for it, waiting where it must. On the engine thread, once, after run().
  virtual void finish() {}
  // On the JavaScript thread, after finish() has succeeded.
  virtual Napi::Value result(Napi::Env env) = 0;

  void fail(ErrorInfo error) { error_ = std::move(error); }
  const std::optional<ErrorInfo>& error() const { return error_; }

  std::uint64_t id = 0;
  napi_deferred deferred = nullptr;

 private:
  std::optional<ErrorInfo> error_;
};

// `Work` owns copies of all that the call was given: the JavaScript values may change or vanish meanwhile.
template <typename Result>
class JobOf final : public Job {
 public:
  using Work = std::function<Result(Engine&)>;
  using Convert = Napi::Value (*)(Napi::Env, const Result&);

  JobOf(Work work, Convert convert) : work_(std::move(work)), convert_(convert) {}

  void run(Engine& engine) override {
    result_.emplace(work_(engine));
    work_ = nullptr;  // a batch may be large, and the result can wait a while for the event loop
  }
  Napi::Value result(Napi::Env env) override { return convert_(env, *result_); }

 private:
  Work work_;
  Convert convert_;
  std::optional<Result> result_;
};

// A training step: the engine hands it to the device and does not wait.
class StepJob final : public Job {
 public:
  using Begin = std::function<std::unique_ptr<PendingStep>(Engine&)>;
  using Convert = Napi::Value (*)(Napi::Env, const StepResult&);

  StepJob(Begin begin, Convert convert) : begin_(std::move(begin)), convert_(convert) {}

  void run(Engine& engine) override {
    pending_ = begin_(engine);
    begin_ = nullptr;
  }
  bool ready() const override { return pending_ == nullptr || pending_->ready(); }
  void finish() override {
    result_.emplace(pending_->result());
    pending_ = nullptr;  // on the engine thread: it holds memory of the device
  }
  Napi::Value result(Napi::Env env) override { return convert_(env, *result_); }

 private:
  Begin begin_;
  Convert convert_;
  std::unique_ptr<PendingStep> pending_;
  std::optional<StepResult> result_;
};

}  // namespace ser::binding
