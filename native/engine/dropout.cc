#include "engine/dropout.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

namespace ser {
namespace {

// One block of draws decides this many elements: 16 lanes x 4 words x 2 halves.
constexpr std::int64_t kGroup = kPhiloxLanes * 8;

// Elements [begin, end) of one utterance's flat array; begin is a multiple of kGroup. `residual` may be null.
template <typename T>
SER_ALWAYS_INLINE void apply(const DropoutMask& mask, std::uint32_t utterance, std::int64_t begin, std::int64_t end,
                             const T* SER_RESTRICT x, const T* SER_RESTRICT residual, T* SER_RESTRICT y) {
  std::uint32_t words[4][kPhiloxLanes];
  T factor[kGroup];
  for (std::int64_t at = begin; at < end; at += kGroup) {
    // Every lane is a block of its own: the first counter word is the block's index in the utterance.
    philox_lanes(static_cast<std::uint32_t>(at / 8), static_cast<std::uint32_t>((at / 8) >> 32), utterance, mask.step, mask.key,
                 words);
    for (int w = 0; w < 4; ++w) {
      for (int i = 0; i < kPhiloxLanes; ++i) {
        factor[(2 * w) * kPhiloxLanes + i] = (words[w][i] & 0xffffu) >= mask.threshold ? T(mask.scale) : T(0);
        factor[(2 * w + 1) * kPhiloxLanes + i] = (words[w][i] >> 16) >= mask.threshold ? T(mask.scale) : T(0);
      }
    }
    const std::int64_t n = std::min(kGroup, end - at);
    if (residual != nullptr) {
      for (std::int64_t i = 0; i < n; ++i) y[at + i] = residual[at + i] + x[at + i] * factor[i];
    } else {
      for (std::int64_t i = 0; i < n; ++i) y[at + i] = x[at + i] * factor[i];
    }
  }
}

SER_VECTOR_CLONES void apply_float(const DropoutMask& mask, std::uint32_t utterance, std::int64_t begin, std::int64_t end,
                                   const float* x, const float* residual, float* y) {
  apply<float>(mask, utterance, begin, end, x, residual, y);
}

SER_VECTOR_CLONES void apply_double(const DropoutMask& mask, std::uint32_t utterance, std::int64_t begin, std::int64_t end,
                                    const double* x, const double* residual, double* y) {
  apply<double>(mask, utterance, begin, end, x, residual, y);
}

template <typename T>
SER_ALWAYS_INLINE void apply_factor(const T* SER_RESTRICT factor, std::int64_t rows, std::int64_t width,
                                    const T* SER_RESTRICT x, const T* SER_RESTRICT residual, T* SER_RESTRICT y) {
  for (std::int64_t t = 0; t < rows; ++t, x += width, y += width) {
    if (residual != nullptr) {
      for (std::int64_t d = 0; d < width; ++d) y[d] = residual[d] + x[d] * factor[d];
      residual += width;
    } else {
      for (std::int64_t d = 0; d < width; ++d) y[d] = x[d] * factor[d];
    }
  }
}

SER_VECTOR_CLONES void apply_factor_float(const float* factor, std::int64_t rows, std::int64_t width, const float* x,
                                          const float* residual, float* y) {
  apply_factor<float>(factor, rows, width, x, residual, y);
}

template <typename T>
void apply_utterance(const DropoutMask& mask, std::uint32_t utterance, std::int64_t rows, std::int64_t width, const T* x,
                     const T* residual, T* y) {
  if (!mask.shared) {
    if constexpr (std::is_same_v<T, float>) {
      apply_float(mask, utterance, 0, rows * width, x, residual, y);
    } else {
      apply_double(mask, utterance, 0, rows * width, x, residual, y);
    }
    return;
  }
  const std::vector<T> ones(static_cast<std::size_t>(width), T(1));
  std::vector<T> factor(static_cast<std::size_t>(width));
  if constexpr (std::is_same_v<T, float>) {
    apply_float(mask, utterance, 0, width, ones.data(), nullptr, factor.data());
    apply_factor_float(factor.data(), rows, width, x, residual, y);
  } else {
    apply_double(mask, utterance, 0, width, ones.data(), nullptr, factor.data());
    apply_factor<double>(factor.data(), rows, width, x, residual, y);
  }
}

template <typename T>
void apply_all(const DropoutMask& mask, const Segments& segments, std::int64_t width, const T* x, const T* residual, T* y) {
  // A large grain keeps short tensors on one thread, where waking the other costs more than the work.
  const std::int64_t elements = std::max<std::int64_t>(1, segments.total() * width);
  const std::int64_t grain = std::max<std::int64_t>(1, 32768 * segments.count() / elements);
  at::parallel_for(0, segments.count(), grain, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t b = from; b < to; ++b) {
      const std::int64_t start = segments.offsets[b] * width;
      apply_utterance<T>(mask, segments.keys[b], segments.length(b), width, x + start,
                         residual == nullptr ? nullptr : residual + start, y + start);
    }
  });
}

at::Tensor run(const at::Tensor& x, const at::Tensor& residual, const DropoutMask& mask, const Segments& segments) {
  TORCH_CHECK(x.dim() == 2 && x.size(0) == segments.total(), "dropout: expected a packed tensor of ", segments.total(),
              " rows, got ", x.sizes());
#ifdef SER_CUDA
  const auto has_kernel = [](const at::Tensor& t) {
    return !t.defined() || t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16;
  };
  if (x.is_cuda() && has_kernel(x) && has_kernel(residual)) {
    const at::ScalarType type =
        residual.defined() ? at::promote_types(x.scalar_type(), residual.scalar_type()) : x.scalar_type();
    return dropout_on_cuda(x, residual, type, mask, segments);
  }
#endif
  if (!x.is_cpu()) {
    // Of a type or device without a kernel of its own: the factors are drawn on the host; the same decisions, at the cost of a copy.
    at::Tensor ones = at::empty(x.sizes(), at::kFloat).fill_(1);
    at::Tensor factor = at::empty_like(ones);
    apply_all<float>(mask, segments, x.size(1), ones.const_data_ptr<float>(), nullptr, factor.mutable_data_ptr<float>());
    at::Tensor y = x * factor.to(x.device()).to(x.scalar_type());
    return residual.defined() ? y + residual : y;
  }
  const bool is_double = x.scalar_type() == at::kDouble;
  const at::Tensor in = (is_double ? x : x.to(at::kFloat)).contiguous();
  const at::Tensor r = residual.defined() ? residual.to(in.scalar_type()).contiguous() : at::Tensor();
  at::Tensor y = at::empty_like(in);
  if (is_double) {
    apply_all<double>(mask, segments, x.size(1), in.const_data_ptr<double>(),
                      r.defined() ? r.const_data_ptr<double>() : nullptr, y.mutable_data_ptr<double>());
  } else {
    apply_all<float>(mask, segments, x.size(1), in.const_data_ptr<float>(), r.defined() ? r.const_data_ptr<float>() : nullptr,
                     y.mutable_data_ptr<float>());
  }
  return y;
}

// The backward pass draws the mask again instead of keeping it: drawing costs about a cycle an element, less than the
// memory traffic of a stored mask.
struct Dropout : torch::autograd::Function<Dropout> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x,
                            const std::optional<at::Tensor>& residual, double scale, double p, const DropoutKey& key,
                            const SegmentsPtr& segments) {
    ctx->saved_data["p"] = p;
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["seed"] = static_cast<std::int64_t>(key.seed);
    ctx->saved_data["step"] = static_cast<std::int64_t>(key.step);
    ctx->saved_data["site"] = static_cast<std::int64_t>(key.site);
    ctx->saved_data["shared"] = key.shared;
    ctx->saved_data["segments"] = c10::IValue::make_capsule(segments);
    ctx->saved_data["residual"] = residual.has_value();
    ctx->saved_data["type"] = x.scalar_type();
    return run(x, residual.value_or(at::Tensor()), make_dropout_mask(p, scale, key), *segments);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto segments = c10::static_intrusive_pointer_cast<Segments>(ctx->saved_data["segments"].toCapsule());
    DropoutKey key;
    key.seed = static_cast<std::uint64_t>(ctx->saved_data["seed"].toInt());
    key.step = static_cast<std::uint32_t>(ctx->saved_data["step"].toInt());
    key.site = static_cast<std::uint32_t>(ctx->saved_data["site"].toInt());
    key.shared = ctx->saved_data["shared"].toBool();
    const DropoutMask mask = make_dropout_mask(ctx->saved_data["p"].toDouble(), ctx->saved_data["scale"].toDouble(), key);
    at::Tensor dx = run(grad[0], at::Tensor(), mask, *segments).to(ctx->saved_data["type"].toScalarType());
    at::Tensor dr = ctx->saved_data["residual"].toBool() ? grad[0] : at::Tensor();
    return {dx, dr, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor dropout(const at::Tensor& x, double p, const DropoutKey& key, const SegmentsPtr& segments) {
  return p <= 0 ? x : Dropout::apply(x, std::optional<at::Tensor>(), 1.0, p, key, segments);
}

at::Tensor dropout_add(const at::Tensor& x, const at::Tensor& residual, double scale, double p, const DropoutKey& key,
                       const SegmentsPtr& segments) {
  if (p <= 0) return at::add(residual, x, scale);
  return Dropout::apply(x, std::optional<at::Tensor>(residual), scale, p, key, segments);
}

}  // namespace ser
