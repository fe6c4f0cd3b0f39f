#include "encoder/bias_gelu_cuda.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include "cuda/tensors.h"
#include "encoder/fused.h"

namespace ser {
namespace {

struct BiasGelu : torch::autograd::Function<BiasGelu> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& bias,
                            const c10::intrusive_ptr<cuda::HeldMask>& mask) {
    const c10::cuda::CUDAGuard guard(x.device());
    const at::Tensor in = x.contiguous(), add = bias.contiguous();
    at::Tensor y = at::empty_like(in);
    ctx->save_for_backward({in, add});
    ctx->saved_data["mask"] = c10::IValue::make_capsule(mask);
    ctx->saved_data["bias"] = bias.requires_grad();
    cuda::for_type(in, [&](auto type) {
      using T = decltype(type);
      cuda::bias_gelu(cuda::read<T>(in), cuda::read<float>(add), cuda::write<T>(y), in.size(0), in.size(1),
                      mask->on(in.device()), c10::cuda::getCurrentCUDAStream());
    });
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto saved = ctx->get_saved_variables();
    const auto mask = c10::static_intrusive_pointer_cast<cuda::HeldMask>(ctx->saved_data["mask"].toCapsule());
    const at::Tensor &x = saved[0], &bias = saved[1];
    const c10::cuda::CUDAGuard guard(x.device());
    const at::Tensor dy = grad[0].to(x.scalar_type()).contiguous();
    const at::Tensor dx = at::empty_like(x);
    at::Tensor d_bias, partial;
    if (ctx->saved_data["bias"].toBool()) {
      d_bias = at::empty_like(bias);
      partial = at::empty({cuda::bias_gelu_partial(x.size(0), x.size(1))}, bias.options());
    }
    cuda::for_type(x, [&](auto type) {
      using T = decltype(type);
      cuda::bias_gelu_backward(cuda::read<T>(x), cuda::read<float>(bias), cuda::read<T>(dy), cuda::write<T>(dx),
                               cuda::write<float>(d_bias), cuda::write<float>(partial), x.size(0), x.size(1),
                               mask->on(x.device()), c10::cuda::getCurrentCUDAStream());
    });
    return {dx, d_bias, at::Tensor()};
  }
};

}  // namespace

at::ScalarType product_type(const at::Tensor& x) {
  return at::autocast::is_autocast_enabled(x.device().type()) ? at::autocast::get_autocast_dtype(x.device().type())
                                                              : x.scalar_type();
}

bool has_fused(const at::Tensor& x) {
  if (!x.is_cuda() || !cuda::has_kernel_type(x)) return false;
  const at::ScalarType type = product_type(x);
  return type == at::kFloat || type == at::kBFloat16;
}

at::Tensor bias_gelu(const at::Tensor& x, const at::Tensor& bias, const RowDropout& noise) {
  TORCH_CHECK(x.dim() == 2 && bias.dim() == 1 && bias.size(0) == x.size(1) && bias.scalar_type() == at::kFloat,
              "bias_gelu: expected rows x D and a float32 bias of D values, got ", x.sizes(), " and ", bias.sizes());
  return BiasGelu::apply(x, bias, cuda::hold_mask(noise.p, noise.key, noise.segments));
}

}  // namespace ser
