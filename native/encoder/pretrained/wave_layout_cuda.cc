#include "encoder/pretrained/wave_layout_cuda.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "encoder/pretrained/wave_layout_device.h"
#include "engine/upload.h"

namespace ser {

at::Tensor device_wave_layout(const at::Tensor& samples, const std::vector<std::int64_t>& lengths, std::int64_t hop,
                              bool normalise, double epsilon) {
  const c10::cuda::CUDAGuard guard(samples.device());
  const auto count = static_cast<std::int64_t>(lengths.size());
  // Starts, then slots.
  const at::Tensor host = at::empty({2, count + 1}, staging(at::kLong, samples.device()));
  auto* starts = host.mutable_data_ptr<std::int64_t>();
  auto* slots = starts + count + 1;
  starts[0] = slots[0] = 0;
  for (std::int64_t b = 0; b < count; ++b) {
    const std::int64_t length = lengths[static_cast<std::size_t>(b)];
    starts[b + 1] = starts[b] + length;
    slots[b + 1] = slots[b] + (length + hop - 1) / hop * hop;
  }
  const at::Tensor places = upload(host, samples.device()), from = samples.contiguous();
  const at::Tensor out = at::empty({slots[count]}, samples.options());
  const at::Tensor scratch = at::empty({wave_layout_scratch(starts[count], count)}, samples.options().dtype(at::kDouble));

  WaveLayout layout;
  layout.samples = from.const_data_ptr<float>();
  layout.starts = places.const_data_ptr<std::int64_t>();
  layout.slots = layout.starts + count + 1;
  layout.count = count;
  layout.read = starts[count];
  layout.written = slots[count];
  layout.normalise = normalise;
  layout.epsilon = epsilon;
  layout.out = out.mutable_data_ptr<float>();
  layout.scratch = scratch.mutable_data_ptr<double>();
  lay_out_waves(layout, c10::cuda::getCurrentCUDAStream().stream());
  return out;
}

}  // namespace ser
