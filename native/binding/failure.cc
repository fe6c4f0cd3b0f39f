#include "failure.h"

namespace ser::binding {

napi_value make_error(napi_env env, const ErrorInfo& info, ErrorKind kind) noexcept {
  napi_value code = nullptr;
  napi_value message = nullptr;
  napi_value error = nullptr;
  if (napi_create_string_utf8(env, info.code.c_str(), info.code.size(), &code) != napi_ok ||
      napi_create_string_utf8(env, info.message.c_str(), info.message.size(), &message) != napi_ok) {
    return nullptr;
  }
  // Both set `code` on the error themselves.
  const napi_status status = kind == ErrorKind::type_error ? napi_create_type_error(env, code, message, &error)
                                                           : napi_create_error(env, code, message, &error);
  return status == napi_ok ? error : nullptr;
}

Napi::Value guarded(Entry entry, const Napi::CallbackInfo& info) {
  ErrorInfo failure;
  ErrorKind kind = ErrorKind::error;
  try {
    return entry(info);
  } catch (const Napi::Error&) {
    throw;  // a getter or a proxy of the caller threw, or the env is being torn down
  } catch (const ArgumentError& error) {
    failure = {"E_ARGUMENT", error.what()};
    kind = ErrorKind::type_error;
  } catch (...) {
    failure = describe_current_exception();
  }
  napi_value error = make_error(info.Env(), failure, kind);
  if (error == nullptr) return info.Env().Undefined();
  throw Napi::Error(info.Env(), error);
}

}  // namespace ser::binding
