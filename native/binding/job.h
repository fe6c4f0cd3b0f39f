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
  // On the JavaScript thread, after run() has succeeded.
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

}  // namespace ser::binding
