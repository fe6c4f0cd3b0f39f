// A check for tests: nothing in a training step may wait for the device.
#pragma once

namespace ser {

// While one lives and `SER_FORBID_SYNC` is set in the environment, whatever would wait for the GPU throws instead. Does nothing
// in a build without CUDA. Of the process, like LibTorch's own switch.
class NoSyncScope {
 public:
  NoSyncScope();
  ~NoSyncScope();
  NoSyncScope(const NoSyncScope&) = delete;
  NoSyncScope& operator=(const NoSyncScope&) = delete;

 private:
  int before_ = 0;
};

}  // namespace ser
