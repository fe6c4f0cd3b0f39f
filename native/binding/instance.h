// What the addon keeps per env (the main thread and each worker have their own); nothing is static.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "engine_thread.h"
#include "node_api.h"

namespace ser::binding {

struct Instance {
  explicit Instance(napi_env env) : thread(env) {}

  EngineThread thread;

  static Instance& of(const Napi::CallbackInfo& info) { return *info.Env().GetInstanceData<Instance>(); }
};

// Enqueues `work`, which returns what `convert` turns into the value that the promise resolves to.
template <typename Result>
Napi::Value enqueue(const Napi::CallbackInfo& info, std::function<Result(Engine&)> work,
                    typename JobOf<Result>::Convert convert) {
  return Instance::of(info).thread.enqueue(std::make_unique<JobOf<Result>>(std::move(work), convert));
}

}  // namespace ser::binding
