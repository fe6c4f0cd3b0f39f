// Times an operation of ours beside its plain composite.
#pragma once

#include <c10/core/Device.h>

#include <atomic>

#include "engine/engine.h"

namespace ser {

// The two take turns; each sample is the mean of runs back to back of at least 1 ms together. Forward passes keep what a backward
// pass needs, where there is one. Ends before `repeats` samples where `seconds` have passed, but not before three. Throws
// E_CANCELLED between samples.
OpTiming time_op(const OpRequest& request, at::Device device, const std::atomic<bool>& cancelled);

}  // namespace ser
