#include "encoder/segment_conv.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "encoder/segment_conv_kernel.h"
#include "encoder/segment_ops.h"

namespace ser {
namespace {

// Channels of a task: the weight gradient is summed over all frames by one task, so it does not depend on the threads.
constexpr std::int64_t kChannels = 16;

template <typename Work>
void for_each_utterance(const Segments& segments, const Work& work) {
  at::parallel_for(0, segments.count(), 1, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t b = from; b < to; ++b) work(segments.offsets[b], segments.length(b));
  });
}

struct DepthwiseConv : torch::autograd::Function<DepthwiseConv> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& input, const at::Tensor& weight,
                            const at::Tensor& bias, const SegmentsPtr& segments) {
    const at::Tensor x = input.to(at::kFloat).contiguous();
    const at::Tensor taps = weight.detach().t().contiguous();  // K x D: rows that lie along the channels
    const at::Tensor offset = bias.detach().contiguous();
    const std::int64_t width = x.size(1), kernel = taps.size(0);
    at::Tensor y = at::empty(x.sizes(), x.options());
    for_each_utterance(*segments, [&](std::int64_t first, std::int64_t frames) {
      depthwise_forward({frames, width, kernel}, x.const_data_ptr<float>() + first * width, taps.const_data_ptr<float>(),
                        offset.const_data_ptr<float>(), y.mutable_data_ptr<float>() + first * width);
    });
    ctx->save_for_backward({x, taps});
    ctx->saved_data["segments"] = c10::IValue::make_capsule(segments);
    ctx->saved_data["type"] = input.scalar_type();
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &taps = saved[1];
    const auto segments = c10::static_intrusive_pointer_cast<Segments>(ctx->saved_data["segments"].toCapsule());
    const at::Tensor dy = grad[0].to(at::kFloat).contiguous();
    const std::int64_t width = x.size(1), kernel = taps.size(0);
    // The gradient of a correlation is the correlation with the taps reversed.
    const at::Tensor reversed = taps.flip(0).contiguous();
    at::Tensor dx = at::empty(x.sizes(), x.options());
    for_each_utterance(*segments, [&](std::int64_t first, std::int64_t frames) {
      depthwise_forward({frames, width, kernel}, dy.const_data_ptr<float>() + first * width, reversed.const_data_ptr<float>(),
                        nullptr, dx.mutable_data_ptr<float>() + first * width);
    });
    at::Tensor d_taps = at::zeros(taps.sizes(), taps.options());
    at::parallel_for(0, (width + kChannels - 1) / kChannels, 1, [&](std::int64_t from, std::int64_t to) {
      const std::int64_t begin = from * kChannels, end = std::min(width, to * kChannels);
      for (std::int64_t b = 0; b < segments->count(); ++b) {
        const std::int64_t first = segments->offsets[b] * width;
        depthwise_weight_gradient({segments->length(b), width, kernel}, begin, end, x.const_data_ptr<float>() + first,
                                  dy.const_data_ptr<float>() + first, d_taps.mutable_data_ptr<float>());
      }
    });
    return {dx.to(ctx->saved_data["type"].toScalarType()), d_taps.t().contiguous(), dy.sum(0), at::Tensor()};
  }
};

}  // namespace

at::Tensor segment_depthwise_conv(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                  const SegmentsPtr& segments) {
  TORCH_CHECK(weight.size(1) % 2 == 1, "the depthwise kernel must be odd, got ", weight.size(1));
  if (!x.is_cpu() || x.scalar_type() == at::kDouble) return segment_depthwise_conv_padded(x, weight, bias, segments);
  return DepthwiseConv::apply(x, weight, bias, segments);
}

at::Tensor segment_depthwise_conv_padded(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                         const SegmentsPtr& segments) {
  const at::Tensor padded = segment_pad(x, segments).transpose(1, 2);
  const at::Tensor y = at::conv1d(padded, weight.unsqueeze(1), bias, 1, weight.size(1) / 2, 1, x.size(1));
  return segment_unpad(y.transpose(1, 2), segments);
}

}  // namespace ser
