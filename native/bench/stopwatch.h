// Time that a device takes for work, and the memory that it took.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "engine/engine.h"

namespace ser {

// On an accelerator by events on its current stream, on the CPU by the wall clock.
class Stopwatch {
 public:
  explicit Stopwatch(at::Device device) : device_(device) {}

  // Seconds of one run of `work`, as the mean of `times` runs back to back. The device is idle before and after. On an
  // accelerator several runs hide the launch of all but the first, unless the host is the slower of the two.
  double time(const std::function<void()>& work, std::int64_t times) const;

  // Runs back to back that take at least `seconds` together, 1 to 1000, after one run that does not count.
  std::int64_t runs_for(const std::function<void()>& work, double seconds) const;

  void synchronize() const;

 private:
  at::Device device_;
};

// Bytes that the allocator of an accelerator has handed out: now, and the most since the last reset. Zeros for the CPU, whose
// memory the system counts.
MemoryUse memory_use(at::Device device, bool reset);

}  // namespace ser
