// What a device can do at best: the rates that others are measured against.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>

#include "engine/engine.h"

namespace ser {

// Copies between two arrays far larger than any cache, and products of matrices of the sizes that encoders have (and a square
// one) in each precision; takes about `seconds`, at least three runs of each. Throws E_CANCELLED between runs.
DeviceRates measure_device(at::Device device, const std::vector<Precision>& precisions, double seconds,
                           const std::atomic<bool>& cancelled);

}  // namespace ser
