#pragma once

#include <c10/core/Device.h>

namespace ser {

// The GPU that this process computes on: the first visible one that this build has code for, made the current device.
// Throws Error("E_DEVICE") with the reason where there is none or it cannot be used.
at::Device open_cuda_device();

}  // namespace ser
