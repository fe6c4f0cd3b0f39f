#include "encoder/strided_conv.h"

#include <algorithm>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/convolution_backward.h>
#include <torch/csrc/autograd/custom_function.h>

namespace ser {
namespace {

// Parts of a batch whose weight gradients are computed apart and added in order. Fixed, so that the sum does not depend on
// the threads.
constexpr std::int64_t kParts = 8;

std::tuple<at::Tensor, at::Tensor> gradients(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                                             std::int64_t stride, bool of_input, bool of_weight) {
  const std::int64_t pad = weight.size(2) / 2;
  const auto [dx, dw, db] =
      at::convolution_backward(dy, x, weight, at::OptionalIntArrayRef(), {stride, stride}, {pad, pad}, {1, 1},
                               /*transposed=*/false, {0, 0}, /*groups=*/1, {of_input, of_weight, false});
  return {dx, dw};
}

// While it lives, oneDNN plans for one thread. Being inside a parallel region is not enough: it would still plan for all of
// them, run on one, and wait at a barrier for the others for ever.
class OneThread {
 public:
#ifdef _OPENMP
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }

 private:
  int before_;
#endif
};

// oneDNN's threads meet in busy-waiting barriers while they compute a weight gradient: on a machine that does anything else
// besides, one of them spins for the whole time slice of another program (30 times slower, measured at a load of 3 on two
// cores). So each part of the batch is computed by one thread, and no barrier is met.
at::Tensor weight_gradient(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, std::int64_t stride) {
  const std::int64_t batch = x.size(0), parts = std::min(batch, kParts);
  std::vector<at::Tensor> partial(static_cast<std::size_t>(parts));
  at::parallel_for(0, parts, 1, [&](std::int64_t from, std::int64_t to) {
    at::NoGradGuard no_grad;  // a property of the thread
    OneThread one_thread;
    for (std::int64_t part = from; part < to; ++part) {
      const std::int64_t begin = part * batch / parts, size = (part + 1) * batch / parts - begin;
      partial[static_cast<std::size_t>(part)] =
          std::get<1>(gradients(dy.narrow(0, begin, size), x.narrow(0, begin, size), weight, stride, false, true));
    }
  });
  at::Tensor sum = partial[0].to(at::kFloat);
  for (std::int64_t part = 1; part < parts; ++part) sum.add_(partial[static_cast<std::size_t>(part)]);
  return sum;
}

struct StridedConv : torch::autograd::Function<StridedConv> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            std::int64_t stride, bool needs_input_gradient) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["input"] = needs_input_gradient;
    return at::conv2d(x, weight, /*bias=*/{}, {stride, stride}, {weight.size(2) / 2, weight.size(2) / 2});
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto saved = ctx->get_saved_variables();
    const std::int64_t stride = ctx->saved_data["stride"].toInt();
    const at::Tensor& dy = grad[0];
    // Under autocast the output is bf16 whatever the inputs were; the backward pass runs in the output's type.
    const at::Tensor x = saved[0].to(dy.scalar_type()), weight = saved[1].detach().to(dy.scalar_type());
    at::Tensor dx;
    if (ctx->saved_data["input"].toBool()) {
      dx = std::get<0>(gradients(dy, x, weight, stride, true, false)).to(saved[0].scalar_type());
    }
    const at::Tensor dw =
        dy.is_cpu() ? weight_gradient(dy, x, weight, stride) : std::get<1>(gradients(dy, x, weight, stride, false, true));
    return {dx, dw.to(saved[1].scalar_type()), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor strided_conv(const at::Tensor& x, const at::Tensor& weight, std::int64_t stride) {
  return StridedConv::apply(x, weight, stride, x.requires_grad());
}

}  // namespace ser
