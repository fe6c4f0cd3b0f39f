#include <c10/util/Exception.h>

#include <new>

#include "engine/engine.h"

namespace ser {

ErrorInfo describe_current_exception() noexcept {
  try {
    try {
      throw;
    } catch (const Error& error) {
      return {error.code(), error.what()};
    } catch (const c10::OutOfMemoryError& error) {  // a c10::Error too, so it comes first
      return {"E_OUT_OF_MEMORY", std::string(error.what_without_backtrace()) + "; use smaller batches"};
    } catch (const c10::Error& error) {
      const std::string message = error.what_without_backtrace();
      // The CPU allocator reports a failed allocation as a plain error.
      if (message.find("can't allocate memory") != std::string::npos ||
          message.find("not enough memory") != std::string::npos) {
        return {"E_OUT_OF_MEMORY", message + "; use smaller batches"};
      }
      return {"E_TORCH", message};
    } catch (const std::bad_alloc&) {
      return {"E_OUT_OF_MEMORY", "memory could not be allocated; use smaller batches"};
    } catch (const std::exception& error) {
      return {"E_INTERNAL", error.what()};
    } catch (...) {
      return {"E_INTERNAL", "an exception of an unknown type"};
    }
  } catch (...) {
    // Describing the error ran out of memory itself; short strings need none.
    ErrorInfo info;
    info.code = "E_INTERNAL";
    return info;
  }
}

}  // namespace ser
