#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <string>

#include "audio/device_store.h"
#include "audio/store_placement.h"

namespace ser {
namespace {

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw Error("E_CUDA", std::string(what) + ": " + cudaGetErrorString(status));
}

class Event {
 public:
  Event() { check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "cudaEventRecord"); }
  void hold(cudaStream_t stream) const { check(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent"); }
  void wait() const { check(cudaEventSynchronize(event_), "cudaEventSynchronize"); }
  // For destructors, which cannot say what went wrong.
  void settle() const noexcept { cudaEventSynchronize(event_); }

 private:
  cudaEvent_t event_ = nullptr;
};

// A pinned buffer and its copy on the device. An event that was never recorded holds nobody up.
struct Buffer {
  at::Tensor pinned, device;
  Event copied;  // the device's copy is complete, and the pinned buffer may be filled again
  Event used;    // the kernels that read the device's copy are through
  // LibTorch knows nothing of the copies on our own stream, and would hand on memory that they still use.
  ~Buffer() { copied.settle(); }
};

at::Tensor copy_whole(const SampleView& samples, at::Device device) {
  const at::Tensor host = at::from_blob(const_cast<std::int16_t*>(samples.data), {samples.size}, at::TensorOptions(at::kShort));
  return host.to(device);
}

}  // namespace

struct DeviceStore::State {
  SampleView samples;
  at::Device device;
  at::Tensor whole;  // undefined where the store is not resident
  c10::cuda::CUDAStream copies;
  Buffer buffers[2];
  int turn = 0;

  State(const SampleView& view, at::Device on)
      : samples(view), device(on), copies(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, on.index())) {}

  void make_room(Buffer& buffer, std::int64_t count, cudaStream_t stream) {
    if (buffer.pinned.defined() && buffer.pinned.numel() >= count) return;
    const std::int64_t room = count + count / 2;
    buffer.pinned = at::empty({room}, at::TensorOptions(at::kShort).pinned_memory(true));
    buffer.device = at::empty({room}, at::TensorOptions(at::kShort).device(device));
    // The allocator may hand out what kernels queued on this stream still read; the copy must come behind them.
    buffer.used.record(stream);
  }
};

DeviceStore::DeviceStore(const SampleView& samples, at::Device device, std::int64_t reserve) {
  const c10::cuda::CUDAGuard guard(device);
  state_ = std::make_unique<State>(samples, device);
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  if (!store_fits(samples.size, free, reserve < 0 ? store_reserve(total) : static_cast<std::uint64_t>(reserve))) return;
  try {
    state_->whole = copy_whole(samples, device);
  } catch (const c10::OutOfMemoryError&) {
    // Another process was quicker. Batches are copied one by one then.
  }
}

DeviceStore::~DeviceStore() = default;

const SampleView& DeviceStore::view() const { return state_->samples; }
at::Device DeviceStore::device() const { return state_->device; }
bool DeviceStore::resident() const { return state_->whole.defined(); }

DeviceStore::Loan DeviceStore::borrow(const Rows& rows, const MixRows& mix) {
  if (resident()) return {state_->whole.const_data_ptr<std::int16_t>(), places_in_store(rows, mix)};
  const c10::cuda::CUDAGuard guard(state_->device);
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream().stream(), copies = state_->copies.stream();
  Staging staging = stage_rows(rows, mix);
  state_->turn ^= 1;
  Buffer& buffer = state_->buffers[state_->turn];
  buffer.copied.wait();
  state_->make_room(buffer, staging.samples, stream);
  auto* to = buffer.pinned.mutable_data_ptr<std::int16_t>();
  at::parallel_for(0, static_cast<std::int64_t>(staging.spans.size()), 1, [&](std::int64_t from, std::int64_t end) {
    for (std::int64_t i = from; i < end; ++i) copy_span(state_->samples, staging.spans[static_cast<std::size_t>(i)], to);
  });
  buffer.used.hold(copies);
  check(cudaMemcpyAsync(buffer.device.mutable_data_ptr(), to, static_cast<std::size_t>(staging.samples) * sizeof(std::int16_t),
                        cudaMemcpyHostToDevice, copies),
        "copying a batch's samples to the GPU");
  buffer.copied.record(copies);
  buffer.copied.hold(stream);
  return {buffer.device.const_data_ptr<std::int16_t>(), std::move(staging.places)};
}

void DeviceStore::give_back() {
  if (resident()) return;
  const c10::cuda::CUDAGuard guard(state_->device);
  state_->buffers[state_->turn].used.record(c10::cuda::getCurrentCUDAStream().stream());
}

}  // namespace ser
