// A packed file of int16 samples at 16 kHz, mapped into memory and never written.
#pragma once

#include <cstdint>
#include <string>

#include "mix/mix.h"

namespace ser {

class SampleStore {
 public:
  // Maps `samples` samples of the file. E_IO where it cannot be opened or mapped, E_FORMAT where its size is another.
  SampleStore(const std::string& path, std::int64_t samples);
  ~SampleStore();
  SampleStore(const SampleStore&) = delete;
  SampleStore& operator=(const SampleStore&) = delete;

  SampleView view() const { return {data_, samples_}; }

 private:
  const std::int16_t* data_ = nullptr;
  std::int64_t samples_ = 0;
};

}  // namespace ser
