#include "bench/stopwatch.h"

#include <ATen/DeviceAccelerator.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace ser {

void Stopwatch::synchronize() const {
  if (!device_.is_cpu()) at::accelerator::getCurrentStream(at::accelerator::getDeviceIndex()).synchronize();
}

double Stopwatch::time(const std::function<void()>& work, std::int64_t times) const {
  if (device_.is_cpu()) {
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < times; ++i) work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / static_cast<double>(times);
  }
  const c10::Stream stream = at::accelerator::getCurrentStream(at::accelerator::getDeviceIndex());
  // Events of this flag keep the time; those of the default one do not.
  c10::Event start(device_.type(), c10::EventFlag::BACKEND_DEFAULT), end(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
  stream.synchronize();
  start.record(stream);
  for (std::int64_t i = 0; i < times; ++i) work();
  end.record(stream);
  end.synchronize();
  return start.elapsedTime(end) / 1000 / static_cast<double>(times);
}

std::int64_t Stopwatch::runs_for(const std::function<void()>& work, double seconds) const {
  time(work, 1);
  const double once = time(work, 1);
  return std::clamp<std::int64_t>(std::llround(std::ceil(seconds / std::max(once, 1e-9))), 1, 1000);
}

MemoryUse memory_use(at::Device device, bool reset) {
  if (device.is_cpu()) return {};
  const c10::DeviceIndex index = at::accelerator::getDeviceIndex();
  if (reset) at::accelerator::resetPeakStats(index);
  // The first of the three counts both pools, of small and of large blocks.
  decltype(at::accelerator::getDeviceStats(index)) stats{};
  stats = at::accelerator::getDeviceStats(index);
  const auto& bytes = stats.allocated_bytes[0];
  return {static_cast<double>(bytes.current), static_cast<double>(bytes.peak)};
}

}  // namespace ser
