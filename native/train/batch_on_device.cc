#include "train/batch_on_device.h"

#ifdef SER_CUDA
#include <utility>

#include "audio/device_store.h"
#include "mix/mix_device.h"
#endif

namespace ser {

#ifdef SER_CUDA
std::shared_ptr<DeviceStore> place_on_device(const SampleView& samples, at::Device device) {
  if (!device.is_cuda()) return nullptr;
  return std::make_shared<DeviceStore>(samples, device);
}

MixedBatch make_training_batch(DeviceStore& store, const StepRequest& request, std::int64_t classes, std::uint64_t noise_seed) {
  MixedBatch out;
  if (!device_request_takes(request.augment)) return out;
  check_step(store.view(), request, classes);
  const DeviceRequest wanted{request.rows,
                             request.mix,
                             request.augment,
                             request.labels,
                             request.partner_labels,
                             noise_seed,
                             static_cast<std::uint32_t>(request.step)};
  DeviceBatch made = make_device_batch(store, wanted, classes, BatchLayout());
  out.waves = {std::move(made.samples), std::move(made.lengths), request.rows.keys};
  out.device_labels = std::move(made.labels);
  out.device_skipped = std::move(made.skipped);
  out.skipped.assign(request.rows.offsets.size(), 0);
  take_labels(request.labels, classes, out);
  out.seconds = seconds_of(out.waves);
  return out;
}
#else
std::shared_ptr<DeviceStore> place_on_device(const SampleView&, at::Device) { return nullptr; }

MixedBatch make_training_batch(DeviceStore&, const StepRequest&, std::int64_t, std::uint64_t) { return {}; }
#endif

}  // namespace ser
