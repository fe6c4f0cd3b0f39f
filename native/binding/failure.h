// Errors on their way to JavaScript: each is an Error (or a TypeError for a wrong argument) with a stable `code`.
#pragma once

#include <stdexcept>
#include <string>

#include "engine/engine.h"
#include "node_api.h"

namespace ser::binding {

// A wrong argument; thrown to the caller at the call, before anything is enqueued.
class ArgumentError : public std::invalid_argument {
 public:
  // Reads "<name> must be <expected>, found <found>".
  ArgumentError(const std::string& name, const std::string& expected, const std::string& found)
      : std::invalid_argument(name + " must be " + expected + ", found " + found) {}
};

enum class ErrorKind { error, type_error };

// Null where the env can make no more values (it is being torn down).
napi_value make_error(napi_env env, const ErrorInfo& info, ErrorKind kind) noexcept;

using Entry = Napi::Value (*)(const Napi::CallbackInfo&);

// The one guard around every entry: nothing but a Napi::Error leaves it.
Napi::Value guarded(Entry entry, const Napi::CallbackInfo& info);

}  // namespace ser::binding
