#include "bench/roofline.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "bench/stopwatch.h"
#include "encoder/pretrained/projection.h"
#include "engine/model.h"

namespace ser {
namespace {

// Rows x inner x columns: the widest products of base and large encoders over 10 s (CPU) or 160 s (accelerator), their frames
// at 50 a second, and a square one.
struct Shape {
  std::int64_t rows, inner, columns;
};
constexpr Shape kCpuShapes[] = {{500, 768, 3072}, {500, 1024, 4096}, {1536, 1536, 1536}};
constexpr Shape kAcceleratorShapes[] = {{7968, 768, 3072}, {7968, 1024, 4096}, {8192, 8192, 8192}};

constexpr std::int64_t kCpuCopy = std::int64_t{128} << 20, kAcceleratorCopy = std::int64_t{1} << 30;  // bytes, one way
constexpr std::size_t kLeastRuns = 3, kMostRuns = 200;

std::vector<double> samples(const Stopwatch& watch, const std::function<void()>& work, double seconds,
                            const std::atomic<bool>& cancelled) {
  watch.time(work, 1);
  std::vector<double> out{watch.time(work, 1)};
  // Short work is timed several times over, so that starting and stopping the watch does not count.
  const std::int64_t times = std::clamp<std::int64_t>(std::llround(1e-3 / std::max(out[0], 1e-9)), 1, 1000);
  double spent = out[0];
  while (out.size() < kLeastRuns || (spent < seconds && out.size() < kMostRuns)) {
    if (cancelled.load(std::memory_order_relaxed)) throw Error("E_CANCELLED", "cancelled");
    out.push_back(watch.time(work, times));
    spent += out.back() * static_cast<double>(times);
  }
  return out;
}

}  // namespace

DeviceRates measure_device(at::Device device, const std::vector<Precision>& precisions, double seconds,
                           const std::atomic<bool>& cancelled) {
  const Stopwatch watch(device);
  const c10::InferenceMode inference;
  DeviceRates rates;
  const std::int64_t bytes = device.is_cpu() ? kCpuCopy : kAcceleratorCopy;
  const auto shapes = device.is_cpu() ? at::ArrayRef<Shape>(kCpuShapes) : at::ArrayRef<Shape>(kAcceleratorShapes);
  const double share = seconds / static_cast<double>(1 + 2 * precisions.size() * shapes.size());
  {
    const at::Tensor from = at::empty({bytes / 4}, at::TensorOptions(at::kFloat).device(device)).fill_(1);
    const at::Tensor to = at::empty_like(from).fill_(0);
    rates.copy_bytes = 2 * static_cast<double>(bytes);  // read and written
    rates.copy_seconds = samples(watch, [&] { to.copy_(from); }, share, cancelled);
  }
  for (const Precision precision : precisions) {
    for (const Shape& shape : shapes) {
      const PrecisionScope scope(precision, device.type());
      const at::ScalarType type = precision == Precision::bf16 ? at::kBFloat16 : at::kFloat;
      const at::TensorOptions options = at::TensorOptions(at::kFloat).device(device);
      const at::Tensor x = at::randn({shape.rows, shape.inner}, options).to(type);
      at::Tensor kept, bias;
      {
        // A tensor made in inference mode would be multiplied as it is, without a packed copy.
        const c10::InferenceMode off(false);
        kept = at::randn({shape.columns, shape.inner}, options);
        bias = at::randn({shape.columns}, options);
      }
      const at::Tensor weight = kept.to(type), offset = bias.to(type);
      const Projection projection(kept, bias);
      const auto add = [&](const char* way, const std::function<void()>& work) {
        rates.products.push_back(
            {precision, way, shape.rows, shape.inner, shape.columns, samples(watch, work, share, cancelled)});
      };
      add("linear", [&] { at::linear(x, weight, offset); });
      // As inference does it on the CPU, with the weight in a layout of the library's choice where it has one.
      if (device.is_cpu()) add("packed", [&] { projection.forward(x, {}, false, {}); });
    }
  }
  return rates;
}

}  // namespace ser
