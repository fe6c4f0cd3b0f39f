// A packed file of int16 samples at 16 kHz, mapped into memory and never written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mix/mix.h"

namespace ser {

class DeviceStore;

class SampleStore {
 public:
  // Maps `samples` samples of the file. E_IO where it cannot be opened or mapped, E_FORMAT where its size is another.
  SampleStore(const std::string& path, std::int64_t samples);
  ~SampleStore();
  SampleStore(const SampleStore&) = delete;
  SampleStore& operator=(const SampleStore&) = delete;

  SampleView view() const { return {data_, samples_}; }

  // What a GPU has of it, once a training step has asked; null before and on the CPU. It ends before the file is unmapped.
  std::shared_ptr<DeviceStore>& on_device() { return on_device_; }

 private:
  const std::int16_t* data_ = nullptr;
  std::int64_t samples_ = 0;
  std::shared_ptr<DeviceStore> on_device_;
};

}  // namespace ser
