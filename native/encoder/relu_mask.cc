#include "encoder/relu_mask.h"

#include <algorithm>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/relu.h>
#include <torch/csrc/autograd/custom_function.h>

#include "encoder/segment_ops.h"

namespace ser {
namespace {

// One pass over channels-last memory instead of an activation, a mask and their two backward passes.
struct ReluMask : torch::autograd::Function<ReluMask> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& input, const std::vector<std::int64_t>& lengths) {
    const at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor y = at::empty_like(x);
    const std::int64_t row = x.size(1) * x.size(3), frames = x.size(2);
    const float* in = x.const_data_ptr<float>();
    float* out = y.mutable_data_ptr<float>();
    at::parallel_for(0, x.size(0), 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t b = from; b < to; ++b) {
        const std::int64_t start = b * frames * row, valid = start + lengths[static_cast<std::size_t>(b)] * row;
        for (std::int64_t i = start; i < valid; ++i) out[i] = in[i] > 0 ? in[i] : 0.0f;
        std::fill(out + valid, out + start + frames * row, 0.0f);
      }
    });
    ctx->save_for_backward({y});
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const at::Tensor y = ctx->get_saved_variables()[0];
    const at::Tensor dy = grad[0].contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor dx = at::empty_like(y);
    const float *kept = y.const_data_ptr<float>(), *in = dy.const_data_ptr<float>();
    float* out = dx.mutable_data_ptr<float>();
    at::parallel_for(0, y.numel(), 1 << 16, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = from; i < to; ++i) out[i] = kept[i] > 0 ? in[i] : 0.0f;
    });
    return {dx, at::Tensor()};
  }
};

}  // namespace

at::Tensor relu_mask(const at::Tensor& x, const std::vector<std::int64_t>& lengths) {
  if (x.is_cpu() && x.scalar_type() == at::kFloat) return ReluMask::apply(x, lengths);
  at::Tensor mask = at::empty({x.size(0), 1, x.size(2), 1}, at::TensorOptions(at::kFloat)).zero_();
  for (std::int64_t b = 0; b < x.size(0); ++b) {
    float* row = mask.mutable_data_ptr<float>() + b * x.size(2);
    std::fill(row, row + lengths[static_cast<std::size_t>(b)], 1.0f);
  }
  return at::relu(x) * mask.to(x.device()).to(x.scalar_type());
}

}  // namespace ser
