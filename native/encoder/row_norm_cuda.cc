#include "encoder/row_norm_cuda.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include "cuda/tensors.h"
#include "encoder/fused.h"

namespace ser {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// What one use of the kernel is, besides its tensors.
struct Plan : torch::CustomClassHolder {
  c10::intrusive_ptr<cuda::HeldMask> mask;
  double epsilon = 1e-5;
  bool gelu = false, returns_sum = false;
  at::ScalarType type = at::kFloat;        // of the norm
  bool keeps = false, wants_sums = false;  // whether a backward pass may come, and one to weights and biases
};

// Calls `work` with values of the types of x + bias, of the residual and sum, and of the norm, as row_norm.cu has them.
template <typename Work>
void for_row_types(at::ScalarType x, at::ScalarType sum, at::ScalarType norm, const Work& work) {
  using Half = __nv_bfloat16;
  if (x == at::kFloat && sum == at::kFloat && norm == at::kFloat) return work(float{}, float{}, float{});
  TORCH_CHECK(x == at::kBFloat16 && (sum == at::kBFloat16 || sum == at::kFloat), "no kernel for ", x, " added to ", sum);
  if (sum == at::kBFloat16 && norm == at::kBFloat16) return work(Half{}, Half{}, Half{});
  TORCH_CHECK(sum == at::kFloat, "no kernel for a norm of ", sum, " in ", norm);
  if (norm == at::kBFloat16) return work(Half{}, float{}, Half{});
  work(Half{}, float{}, float{});
}

// The type that stands for x where there is none.
at::ScalarType missing_x(at::ScalarType sum, at::ScalarType norm) {
  return sum == at::kFloat && norm == at::kFloat ? at::kFloat : at::kBFloat16;
}

struct RowNormFunction : torch::autograd::Function<RowNormFunction> {
  // x, bias and residual: undefined = no such part; one of x and residual is there. Returns the norm, then the sum if it is to.
  static tensor_list forward(AutogradContext* ctx, const std::optional<at::Tensor>& x_in,
                             const std::optional<at::Tensor>& bias_in, const std::optional<at::Tensor>& residual_in,
                             const at::Tensor& weight_in, const at::Tensor& shift_in, const c10::intrusive_ptr<Plan>& plan) {
    const auto whole = [](const std::optional<at::Tensor>& t) { return t.has_value() ? t->contiguous() : at::Tensor(); };
    const at::Tensor x = whole(x_in), bias = whole(bias_in), residual = whole(residual_in), weight = weight_in.contiguous(),
                     shift = shift_in.contiguous();
    const at::Tensor& like = x.defined() ? x : residual;
    const c10::cuda::CUDAGuard guard(like.device());
    const std::int64_t rows = like.size(0), width = like.size(1);
    const at::ScalarType sum_type = (residual.defined() ? residual : x).scalar_type();
    const at::ScalarType x_type = x.defined() ? x.scalar_type() : missing_x(sum_type, plan->type);
    const bool adds = x.defined() && residual.defined();
    at::Tensor y = at::empty({rows, width}, like.options().dtype(plan->type)), sum, mean, rstd;
    if (adds && (plan->keeps || plan->returns_sum)) sum = at::empty({rows, width}, like.options().dtype(sum_type));
    if (plan->keeps) {
      mean = at::empty({rows}, weight.options());
      rstd = at::empty({rows}, weight.options());
    }
    for_row_types(x_type, sum_type, plan->type, [&](auto a, auto b, auto c) {
      using X = decltype(a);
      using R = decltype(b);
      using N = decltype(c);
      cuda::RowNorm<X, R, N> work;
      work.rows = rows;
      work.width = width;
      work.x = cuda::read<X>(x);
      work.bias = cuda::read<float>(bias);
      work.residual = cuda::read<R>(residual);
      work.mask = plan->mask->on(like.device());
      work.weight = cuda::read<float>(weight);
      work.shift = cuda::read<float>(shift);
      work.epsilon = static_cast<float>(plan->epsilon);
      work.gelu = plan->gelu;
      work.sum = cuda::write<R>(sum);
      work.y = cuda::write<N>(y);
      work.mean = cuda::write<float>(mean);
      work.rstd = cuda::write<float>(rstd);
      cuda::row_norm(work, c10::cuda::getCurrentCUDAStream());
    });
    if (plan->keeps) {
      // A sum of two, or what was normalised as it came.
      ctx->save_for_backward({adds ? sum : like, adds ? at::Tensor() : bias, mean, rstd, weight, shift});
    }
    ctx->saved_data["plan"] = c10::IValue::make_capsule(plan);
    ctx->saved_data["x"] = x.defined();
    ctx->saved_data["x_type"] = x_type;
    ctx->saved_data["bias"] = bias.defined();
    ctx->saved_data["residual"] = residual.defined();
    return plan->returns_sum ? tensor_list{y, sum} : tensor_list{y};
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grad) {
    const auto plan = c10::static_intrusive_pointer_cast<Plan>(ctx->saved_data["plan"].toCapsule());
    const tensor_list saved = ctx->get_saved_variables();
    const at::Tensor &sum = saved[0], &sum_bias = saved[1], &weight = saved[4];
    const c10::cuda::CUDAGuard guard(sum.device());
    const std::int64_t rows = sum.size(0), width = sum.size(1);
    const auto x_type = ctx->saved_data["x_type"].toScalarType();
    const bool has_x = ctx->saved_data["x"].toBool(), has_residual = ctx->saved_data["residual"].toBool();
    const at::Tensor dy =
        grad[0].defined() ? grad[0].to(plan->type).contiguous() : at::zeros_like(sum, sum.options().dtype(plan->type));
    const at::Tensor d_sum = grad.size() > 1 && grad[1].defined() ? grad[1].to(sum.scalar_type()).contiguous() : at::Tensor();
    at::Tensor dx, d_residual, partial, sums;
    if (has_x) dx = at::empty(sum.sizes(), sum.options().dtype(x_type));
    if (has_residual) d_residual = at::empty_like(sum);
    if (plan->wants_sums) {
      partial = at::empty({cuda::row_norm_partial(rows, width)}, weight.options());
      sums = at::empty({3, width}, weight.options());
    }
    for_row_types(x_type, sum.scalar_type(), plan->type, [&](auto a, auto b, auto c) {
      using X = decltype(a);
      using R = decltype(b);
      using N = decltype(c);
      cuda::RowNormGradient<X, R, N> work;
      work.rows = rows;
      work.width = width;
      work.sum = cuda::read<R>(sum);
      work.sum_bias = cuda::read<float>(sum_bias);
      work.mean = cuda::read<float>(saved[2]);
      work.rstd = cuda::read<float>(saved[3]);
      work.weight = cuda::read<float>(weight);
      work.shift = cuda::read<float>(saved[5]);
      work.gelu = plan->gelu;
      work.mask = plan->mask->on(sum.device());
      work.dy = cuda::read<N>(dy);
      work.d_sum = cuda::read<R>(d_sum);
      work.dx = cuda::write<X>(dx);
      work.d_residual = cuda::write<R>(d_residual);
      work.partial = cuda::write<float>(partial);
      work.sums = cuda::write<float>(sums);
      cuda::row_norm_backward(work, c10::cuda::getCurrentCUDAStream());
    });
    const auto part = [&](std::int64_t i) { return sums.defined() ? sums.select(0, i) : at::Tensor(); };
    return {dx, ctx->saved_data["bias"].toBool() ? part(2) : at::Tensor(), d_residual, part(0), part(1), at::Tensor()};
  }
};

tensor_list run(const at::Tensor& x, const at::Tensor& bias, const at::Tensor& residual, const NormWeights1d& norm,
                const c10::intrusive_ptr<Plan>& plan) {
  const at::Tensor& like = x.defined() ? x : residual;
  TORCH_CHECK(like.dim() == 2 && norm.weight.scalar_type() == at::kFloat && norm.weight.size(0) == like.size(1) &&
                  (!bias.defined() || bias.scalar_type() == at::kFloat),
              "expected rows x D and float32 weights of D values, got ", like.sizes(), " and ", norm.weight.sizes());
  plan->epsilon = norm.epsilon;
  const auto wants = [](const at::Tensor& t) { return t.defined() && t.requires_grad(); };
  plan->wants_sums = at::GradMode::is_enabled() && (wants(norm.weight) || wants(norm.bias) || wants(bias));
  plan->keeps = plan->wants_sums || (at::GradMode::is_enabled() && (wants(x) || wants(residual)));
  const auto part = [](const at::Tensor& t) { return t.defined() ? std::optional<at::Tensor>(t) : std::nullopt; };
  return RowNormFunction::apply(part(x), part(bias), part(residual), norm.weight, norm.bias, plan);
}

c10::intrusive_ptr<Plan> make_plan(const RowDropout& noise, at::ScalarType type) {
  auto plan = c10::make_intrusive<Plan>();
  plan->mask = cuda::hold_mask(noise.p, noise.key, noise.segments);
  plan->type = type;
  return plan;
}

// The residual in the type of the sum.
at::Tensor promoted(const at::Tensor& x, const at::Tensor& residual) {
  return residual.to(at::promote_types(x.scalar_type(), residual.scalar_type()));
}

}  // namespace

at::Tensor fused_norm(const at::Tensor& x, const NormWeights1d& norm, at::ScalarType type) {
  const bool widens = x.scalar_type() == at::kBFloat16 && type == at::kFloat;
  return run({}, {}, widens ? x.to(type) : x, norm, make_plan({}, type))[0];
}

std::pair<at::Tensor, at::Tensor> dropout_add_norm(const at::Tensor& x, const at::Tensor& bias, const at::Tensor& residual,
                                                   const RowDropout& noise, const NormWeights1d& norm) {
  const auto plan = make_plan(noise, x.scalar_type());
  plan->returns_sum = true;
  const tensor_list out = run(x, bias, promoted(x, residual), norm, plan);
  return {out[1], out[0]};
}

at::Tensor dropout_add_post_norm(const at::Tensor& x, const at::Tensor& bias, const at::Tensor& residual,
                                 const RowDropout& noise, const NormWeights1d& norm) {
  const at::Tensor base = promoted(x, residual);
  return run(x, bias, base, norm, make_plan(noise, base.scalar_type()))[0];
}

at::Tensor norm_gelu(const at::Tensor& x, const at::Tensor& bias, const NormWeights1d& norm) {
  const auto plan = make_plan({}, x.scalar_type());
  plan->gelu = true;
  return run(x, bias, {}, norm, plan)[0];
}

}  // namespace ser
