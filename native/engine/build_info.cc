#include <ATen/Version.h>
#include <torch/version.h>

#include "engine/engine.h"

#define SER_TEXT_OF(x) #x
#define SER_TEXT(x) SER_TEXT_OF(x)

namespace ser {

BuildInfo build_info() {
  BuildInfo info;
  info.libtorch = TORCH_VERSION;
  info.capability = at::get_cpu_capability();
#if defined(__clang__)
  info.compiler = "clang " SER_TEXT(__clang_major__) "." SER_TEXT(__clang_minor__);
#elif defined(__GNUC__)
  info.compiler = "g++ " SER_TEXT(__GNUC__) "." SER_TEXT(__GNUC_MINOR__);
#elif defined(_MSC_VER)
  info.compiler = "MSVC " SER_TEXT(_MSC_VER);
#endif
#ifdef SER_CUDA
  info.cuda = true;
#endif
  return info;
}

}  // namespace ser
