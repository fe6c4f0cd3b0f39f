#include "mix/mix_cuda.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <cstring>

#include "engine/upload.h"
#include "mix/augment.h"
#include "mix/mix_device.h"

namespace ser {
namespace {

// What a batch needs of the host, side by side in one block of pinned memory: one copy a batch.
class Parcel {
 public:
  // Returns where the values will lie, in bytes from the start.
  template <typename T>
  std::size_t add(const std::vector<T>& values) {
    const std::size_t at = (bytes_.size() + 15) / 16 * 16;
    bytes_.resize(at + values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(bytes_.data() + at, values.data(), values.size() * sizeof(T));
    return at;
  }

  at::Tensor send(at::Device device) const {
    const at::Tensor pinned = at::empty({static_cast<std::int64_t>(bytes_.size())}, staging(at::kByte, device));
    std::memcpy(pinned.mutable_data_ptr(), bytes_.data(), bytes_.size());
    return upload(pinned, device);
  }

 private:
  std::vector<unsigned char> bytes_;
};

}  // namespace

bool device_request_takes(const AugmentRows& augment) {
  return std::all_of(augment.speed.begin(), augment.speed.end(), [](float factor) { return factor == 1.0f; });
}

DeviceBatch make_device_batch(DeviceStore& store, const DeviceRequest& request, std::int64_t classes,
                              const BatchLayout& layout) {
  const Rows& rows = request.rows;
  const MixRows& mix = request.mix;
  const std::vector<float>&labels = request.labels, &partner_labels = request.partner_labels;
  const std::size_t count = rows.offsets.size();
  if (!device_request_takes(request.augment)) throw Error("E_ARGUMENT", "changes of speed are made on the CPU");
  const bool mixes = mix.kind != MixKind::none;
  if (layout.align < 1) throw Error("E_ARGUMENT", "align must be at least 1, got " + std::to_string(layout.align));

  const c10::cuda::CUDAGuard guard(store.device());
  const DeviceStore::Loan loan = store.borrow(rows, mix);
  std::vector<MixEntry> entries = mix_entries(rows, mix, loan.places, layout.align);
  const bool noises = add_augment(rows, request.augment, entries);
  const std::int64_t total = batch_samples(entries);
  Parcel parcel;
  const std::size_t entries_at = parcel.add(entries), labels_at = parcel.add(labels),
                    partner_labels_at = parcel.add(mixes ? partner_labels : std::vector<float>());
  const at::Tensor sent = parcel.send(store.device());
  const auto* from = static_cast<const unsigned char*>(sent.const_data_ptr());

  DeviceBatch out;
  const at::TensorOptions options = at::TensorOptions(at::kFloat).device(store.device());
  for (const MixEntry& entry : entries) {
    out.lengths.push_back(entry.mixed);
    out.slots.push_back(entry.slot);
  }
  out.slots.push_back(total);
  out.samples = at::empty({total}, options);
  out.skipped = at::empty({static_cast<std::int64_t>(count)}, options.dtype(at::kByte));
  if (!labels.empty()) out.labels = at::empty({static_cast<std::int64_t>(count), classes}, options);
  const at::Tensor scratch =
      at::empty({static_cast<std::int64_t>(mix_scratch(total, static_cast<std::int64_t>(count)))}, options.dtype(at::kByte));

  MixBatch batch;
  batch.samples = loan.data;
  batch.entries = reinterpret_cast<const MixEntry*>(from + entries_at);
  batch.count = static_cast<std::int64_t>(count);
  batch.total = total;
  batch.mixes = mixes;
  batch.noises = noises;
  batch.noise_seed = request.noise_seed;
  batch.step = request.step;
  batch.normalise = out.normalised = layout.normalise && !noises;
  batch.epsilon = layout.epsilon;
  batch.out = out.samples.mutable_data_ptr<float>();
  batch.skipped = out.skipped.mutable_data_ptr<std::uint8_t>();
  batch.scratch = scratch.mutable_data_ptr();
  if (!labels.empty()) {
    batch.labels = reinterpret_cast<const float*>(from + labels_at);
    if (mixes) batch.partner_labels = reinterpret_cast<const float*>(from + partner_labels_at);
    batch.classes = static_cast<int>(classes);
    batch.out_labels = out.labels.mutable_data_ptr<float>();
  }
  mix_batch(batch, c10::cuda::getCurrentCUDAStream().stream());
  store.give_back();
  return out;
}

}  // namespace ser
