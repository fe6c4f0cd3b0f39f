// Objects of an engine by the small integers that the binding hands to JavaScript.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <variant>

#include "engine/engine.h"

namespace ser {

template <typename... Kinds>
class HandleTable {
 public:
  template <typename T>
  Handle add(std::shared_ptr<T> object) {
    // Handles are not used twice, so a stale one can never name another object; 0 is never one.
    const Handle handle = ++last_;
    objects_.emplace(handle, std::move(object));
    return handle;
  }

  template <typename T>
  std::shared_ptr<T> get(Handle handle, const char* kind) const {
    const auto at = objects_.find(handle);
    if (at == objects_.end()) {
      throw Error("E_HANDLE",
                  "handle " + std::to_string(handle) + " names nothing; it was released or belongs to another environment");
    }
    const auto* object = std::get_if<std::shared_ptr<T>>(&at->second);
    if (object == nullptr) throw Error("E_HANDLE", "handle " + std::to_string(handle) + " does not name a " + kind);
    return *object;
  }

  void release(Handle handle) {
    if (objects_.erase(handle) == 0)
      throw Error("E_HANDLE", "handle " + std::to_string(handle) + " names nothing; it was released before");
  }

 private:
  Handle last_ = 0;
  std::unordered_map<Handle, std::variant<std::shared_ptr<Kinds>...>> objects_;
};

}  // namespace ser
