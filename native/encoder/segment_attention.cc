#include "encoder/segment_attention.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "encoder/segment_attention_kernel.h"
#include "encoder/segment_ops.h"

namespace ser {
namespace {

// One task is one head of one utterance; the heads of a batch are spread over the threads.
template <typename Work>
void for_each_head(const Segments& segments, std::int64_t heads, const Work& work) {
  at::parallel_for(0, segments.count() * heads, 1, [&](std::int64_t from, std::int64_t to) {
    AttentionScratch scratch;
    for (std::int64_t task = from; task < to; ++task) work(task / heads, task % heads, scratch);
  });
}

struct SegmentAttention : torch::autograd::Function<SegmentAttention> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& input, std::int64_t heads,
                            const SegmentsPtr& segments) {
    const at::Tensor qkv = input.to(at::kFloat).contiguous();
    const std::int64_t rows = qkv.size(0), width = qkv.size(1) / 3;
    at::Tensor out = at::empty({rows, width}, qkv.options());
    at::Tensor log_sum = at::empty({heads, rows}, qkv.options());
    for_each_head(*segments, heads, [&](std::int64_t b, std::int64_t h, AttentionScratch& scratch) {
      const std::int64_t first = segments->offsets[b];
      attention_forward({segments->length(b), width / heads, width},
                        qkv.const_data_ptr<float>() + first * 3 * width + h * (width / heads),
                        out.mutable_data_ptr<float>() + first * width + h * (width / heads),
                        log_sum.mutable_data_ptr<float>() + h * rows + first, scratch);
    });
    ctx->save_for_backward({qkv, out, log_sum});
    ctx->saved_data["heads"] = heads;
    ctx->saved_data["segments"] = c10::IValue::make_capsule(segments);
    ctx->saved_data["type"] = input.scalar_type();
    return out;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &qkv = saved[0], &out = saved[1], &log_sum = saved[2];
    const auto segments = c10::static_intrusive_pointer_cast<Segments>(ctx->saved_data["segments"].toCapsule());
    const std::int64_t heads = ctx->saved_data["heads"].toInt();
    const std::int64_t rows = qkv.size(0), width = qkv.size(1) / 3;
    const at::Tensor d_out = grad[0].to(at::kFloat).contiguous();
    at::Tensor d_qkv = at::empty(qkv.sizes(), qkv.options());
    for_each_head(*segments, heads, [&](std::int64_t b, std::int64_t h, AttentionScratch& scratch) {
      const std::int64_t first = segments->offsets[b], column = h * (width / heads);
      attention_backward({segments->length(b), width / heads, width}, qkv.const_data_ptr<float>() + first * 3 * width + column,
                         out.const_data_ptr<float>() + first * width + column,
                         log_sum.const_data_ptr<float>() + h * rows + first,
                         d_out.const_data_ptr<float>() + first * width + column,
                         d_qkv.mutable_data_ptr<float>() + first * 3 * width + column, scratch);
    });
    return {d_qkv.to(ctx->saved_data["type"].toScalarType()), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor segment_attention(const at::Tensor& qkv, std::int64_t heads, const SegmentsPtr& segments) {
  const std::int64_t width = qkv.size(1) / 3;
  TORCH_CHECK(qkv.dim() == 2 && qkv.size(1) == 3 * width && qkv.size(0) == segments->total(), "qkv must be ", segments->total(),
              " x 3D, got ", qkv.sizes());
  TORCH_CHECK(heads >= 1 && width % heads == 0, "heads must divide the width ", width, ", got ", heads);
  if (!qkv.is_cpu() || qkv.scalar_type() == at::kDouble || width / heads > kAttentionMaxHeadWidth) {
    return segment_attention_padded(qkv, heads, segments);
  }
  return SegmentAttention::apply(qkv, heads, segments);
}

at::Tensor segment_attention_padded(const at::Tensor& qkv, std::int64_t heads, const SegmentsPtr& segments) {
  const at::Tensor padded = segment_pad(qkv, segments);  // B, T, 3D
  const std::int64_t batch = padded.size(0), longest = padded.size(1), width = padded.size(2) / 3;
  const at::Tensor split = padded.view({batch, longest, 3, heads, width / heads}).permute({2, 0, 3, 1, 4});
  const at::Tensor mask = segment_mask(segments, qkv.device()).view({batch, 1, 1, longest});
  const at::Tensor out = at::scaled_dot_product_attention(split.select(0, 0), split.select(0, 1), split.select(0, 2), mask);
  return segment_unpad(out.transpose(1, 2).reshape({batch, longest, width}), segments);
}

}  // namespace ser
