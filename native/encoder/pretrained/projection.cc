#include "encoder/pretrained/projection.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/block_diag.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include <atomic>
#include <optional>

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

// oneDNN's product with a weight in a layout of its own choice: operations that LibTorch has for its compiler. They have no
// header and promise nothing, so they are called by name, and done without where one is missing or fails.
class PackedProduct {
 public:
  static PackedProduct& instance() {
    static PackedProduct ops;
    return ops;
  }

  // Undefined where this machine or this LibTorch cannot. The layout must not depend on the first batch's size, or results would
  // depend on what was computed before.
  at::Tensor pack(const at::Tensor& weight) noexcept {
    std::atomic<bool>& usable = usable_[weight.scalar_type() == at::kFloat ? 0 : 1];
    if (!usable) return {};
    try {
      torch::jit::Stack stack{weight, c10::IValue()};
      reorder_->callBoxed(&stack);
      at::Tensor packed = stack.at(0).toTensor();
      const at::Tensor x = at::zeros({1, weight.size(1)}, weight.options());
      const at::Tensor y = run(x, packed, at::zeros({weight.size(0)}, weight.options()));
      if (y.sizes() == at::IntArrayRef({1, weight.size(0)}) && y.scalar_type() == weight.scalar_type()) return packed;
    } catch (const std::exception&) {
    }
    usable = false;
    return {};
  }

  at::Tensor run(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias) const {
    torch::jit::Stack stack{x, packed, bias, "none", c10::List<std::optional<at::Scalar>>(), ""};
    linear_->callBoxed(&stack);
    return stack.at(0).toTensor();
  }

 private:
  PackedProduct()
      : reorder_(c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_linear_weight", ""})),
        linear_(c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""})) {
    const bool found =
        reorder_ && linear_ && reorder_->schema().arguments().size() == 2 && linear_->schema().arguments().size() == 6;
    for (std::atomic<bool>& usable : usable_) usable = found;
  }

  std::optional<c10::OperatorHandle> reorder_, linear_;
  std::atomic<bool> usable_[2];  // for float32 and for bf16, which not every processor has
};

std::atomic<std::uint64_t> generation{0};

}  // namespace

void drop_packed_weights() noexcept { ++generation; }

const at::Tensor& Projection::packed(at::ScalarType type) const {
  const Packed current{{}, type, weight_.const_data_ptr(), static_cast<std::uint32_t>(weight_._version()), generation.load()};
  const bool same = packed_.type == current.type && packed_.data == current.data && packed_.version == current.version &&
                    packed_.generation == current.generation;
  if (!same) {
    packed_ = current;
    const c10::impl::ExcludeDispatchKeyGuard as_it_is(c10::autocast_dispatch_keyset);
    packed_.weight = PackedProduct::instance().pack(weight_.detach().to(type));
  }
  return packed_.weight;
}

at::Tensor Projection::product(const at::Tensor& x, bool training, bool adds_bias) const {
  if (!adds_bias) return at::linear(x, weight_);
  const at::Tensor bias = whole_bias(bias_, weight_.size(0));
  const bool plain = training || weight_.requires_grad() || bias_.requires_grad() ||
                     (at::GradMode::is_enabled() && x.requires_grad()) || weight_.is_inference() || !weight_.is_cpu() ||
                     weight_.scalar_type() != at::kFloat;
  const bool half = at::autocast::is_autocast_enabled(at::kCPU);
  const at::ScalarType type = half ? at::autocast::get_autocast_dtype(at::kCPU) : at::kFloat;
  if (plain || (half ? type != at::kBFloat16 : x.scalar_type() != type)) return at::linear(x, weight_, bias);
  const at::Tensor& weight = packed(type);
  if (!weight.defined()) return at::linear(x, weight_, bias);
  return PackedProduct::instance().run(x.to(type), weight, bias.detach().to(type));
}

at::Tensor Projection::forward(const at::Tensor& x, const SegmentsPtr& segments, bool training, const DropoutKey& key,
                               bool adds_bias) const {
  const at::Tensor y = product(x, training, adds_bias);
  if (!adapter_.down.defined()) return y;
  const at::Tensor low = at::linear(dropout(x, training ? adapter_.dropout : 0.0, key, segments), adapter_.down);
  return at::addmm(y, low, whole_up(adapter_).t(), 1, adapter_.scale);
}

at::Tensor Projection::merged_weight() const {
  if (!adapter_.down.defined()) return weight_;
  return at::addmm(weight_, whole_up(adapter_), adapter_.down, 1, adapter_.scale);
}

}  // namespace ser
