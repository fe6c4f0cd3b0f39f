#include "engine/no_sync.h"

#ifdef SER_CUDA
#include <c10/cuda/CUDAFunctions.h>

#include <cstdlib>
#endif

namespace ser {

#ifdef SER_CUDA
namespace {
bool forbidden() {
  static const bool set = std::getenv("SER_FORBID_SYNC") != nullptr;
  return set;
}
}  // namespace

NoSyncScope::NoSyncScope() {
  if (!forbidden()) return;
  before_ = static_cast<int>(c10::cuda::warning_state().get_sync_debug_mode());
  c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_ERROR);
}

NoSyncScope::~NoSyncScope() {
  if (forbidden()) c10::cuda::warning_state().set_sync_debug_mode(static_cast<c10::cuda::SyncDebugMode>(before_));
}
#else
NoSyncScope::NoSyncScope() = default;
NoSyncScope::~NoSyncScope() = default;
#endif

}  // namespace ser
