#include "encoder/pretrained/projection.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/block_diag.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

namespace ser {
namespace {

// With zeros where k has no bias. Not a parameter with zeros in it: rounding would give those a gradient, and an optimiser
// that divides by its size would move them.
at::Tensor whole_bias(const at::Tensor& bias, std::int64_t rows) {
  if (bias.size(0) == rows) return bias;
  const std::int64_t third = rows / 3;
  return at::cat({bias.narrow(0, 0, third), at::zeros({third}, bias.options()), bias.narrow(0, third, third)});
}

// out x (parts * rank): one product for all parts. The zeros cost less than small products one by one.
at::Tensor whole_up(const Adapter& adapter) {
  return adapter.parts == 1 ? adapter.up.select(0, 0) : at::block_diag(adapter.up.unbind(0));
}

}  // namespace

at::Tensor Projection::forward(const at::Tensor& x, const SegmentsPtr& segments, bool training, const DropoutKey& key) const {
  const at::Tensor y = at::linear(x, weight_, whole_bias(bias_, weight_.size(0)));
  if (!adapter_.down.defined()) return y;
  const at::Tensor low = at::linear(dropout(x, training ? adapter_.dropout : 0.0, key, segments), adapter_.down);
  return at::addmm(y, low, whole_up(adapter_).t(), 1, adapter_.scale);
}

at::Tensor Projection::merged_weight() const {
  if (!adapter_.down.defined()) return weight_;
  return at::addmm(weight_, whole_up(adapter_), adapter_.down, 1, adapter_.scale);
}

}  // namespace ser
