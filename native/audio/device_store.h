// The samples of a store for kernels on a GPU: as a whole in its memory where they fit (store_placement.h), else batch by batch
// through two pinned buffers, so that one is filled while the other is copied.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "mix/mix_entries.h"

namespace ser {

class DeviceStore {
 public:
  // `samples` must outlive the store. A corpus that fits is copied now, which takes as long as reading it. `reserve` in bytes;
  // negative = store_reserve(). Throws E_CUDA or an error of LibTorch.
  DeviceStore(const SampleView& samples, at::Device device, std::int64_t reserve = -1);
  ~DeviceStore();
  DeviceStore(const DeviceStore&) = delete;
  DeviceStore& operator=(const DeviceStore&) = delete;

  const SampleView& view() const;
  at::Device device() const;
  bool resident() const;

  // The samples of a batch, for kernels that are launched on the current stream between borrow() and give_back(). Where the
  // store is not resident, borrow() copies them to the device on a stream of its own and waits for nothing but the copy before
  // the last one, whose buffer it fills anew.
  struct Loan {
    const std::int16_t* data = nullptr;  // of the device
    SamplePlaces places;
  };
  Loan borrow(const Rows& rows, const MixRows& mix);
  void give_back();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ser
