#include "encoder/segment_attention.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <optional>

#include "encoder/attention_call.h"
#include "encoder/segment_attention_kernel.h"
#include "encoder/segment_ops.h"
#include "engine/upload.h"
#ifdef SER_CUDA
#include "encoder/segment_attention_device.h"
#endif

namespace ser {
namespace {

// Options of one head of one utterance.
AttentionExtras extras_of(const DropoutMask& mask, const at::Tensor& gate, const at::Tensor& table, const Segments& segments,
                          std::int64_t b, std::int64_t h) {
  AttentionExtras extras;
  if (gate.defined()) {
    extras.gate_stride = gate.size(1);
    extras.gate = gate.const_data_ptr<float>() + segments.offsets[b] * gate.size(1) + h;
    extras.table = table.const_data_ptr<float>() + h * table.size(1) + table.size(1) / 2;
  }
  extras.drop_threshold = mask.threshold;
  extras.keep_scale = mask.scale;
  extras.key = mask.key;
  extras.step = mask.step;
  extras.utterance = segments.keys[b];
  extras.head = static_cast<std::uint32_t>(h);
  return extras;
}

// One task is one head of one utterance; the heads of a batch are spread over the threads.
template <typename Work>
void for_each_head(const Segments& segments, std::int64_t heads, const Work& work) {
  at::parallel_for(0, segments.count() * heads, 1, [&](std::int64_t from, std::int64_t to) {
    AttentionScratch scratch;
    for (std::int64_t task = from; task < to; ++task) work(task / heads, task % heads, scratch);
  });
}

struct SegmentAttention : torch::autograd::Function<SegmentAttention> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& input,
                            const std::optional<at::Tensor>& gate_input, const std::optional<at::Tensor>& table_input,
                            const AttentionCallPtr& call) {
    const at::Tensor qkv = input.to(at::kFloat).contiguous(), gate = float_part(gate_input), table = float_part(table_input);
    const Segments& segments = *call->segments;
    const std::int64_t heads = call->heads;
    const std::int64_t rows = qkv.size(0), width = qkv.size(1) / 3;
    at::Tensor out = at::empty({rows, width}, qkv.options());
    at::Tensor log_sum = at::empty({heads, rows}, qkv.options());
    for_each_head(segments, heads, [&](std::int64_t b, std::int64_t h, AttentionScratch& scratch) {
      const std::int64_t first = segments.offsets[b];
      attention_forward({segments.length(b), width / heads, width}, extras_of(call->mask, gate, table, segments, b, h),
                        qkv.const_data_ptr<float>() + first * 3 * width + h * (width / heads),
                        out.mutable_data_ptr<float>() + first * width + h * (width / heads),
                        log_sum.mutable_data_ptr<float>() + h * rows + first, scratch);
    });
    // As it came: half the memory where that is bf16.
    ctx->save_for_backward({input, out, log_sum, gate, table});
    ctx->saved_data["call"] = c10::IValue::make_capsule(call);
    return out;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor qkv = saved[0].to(at::kFloat).contiguous();
    const at::Tensor &out = saved[1], &log_sum = saved[2], &gate = saved[3], &table = saved[4];
    const auto call = c10::static_intrusive_pointer_cast<AttentionCall>(ctx->saved_data["call"].toCapsule());
    const Segments& segments = *call->segments;
    const std::int64_t heads = call->heads;
    const std::int64_t rows = qkv.size(0), width = qkv.size(1) / 3;
    const at::Tensor d_out = grad[0].to(at::kFloat).contiguous();
    at::Tensor d_qkv = at::empty(qkv.sizes(), qkv.options()), d_gate, d_tables;
    // Every head of every utterance has a table of its own, so that their sum does not depend on the threads.
    const std::int64_t span = 2 * segments.longest() - 1;
    if (gate.defined() && (ctx->needs_input_grad(1) || ctx->needs_input_grad(2))) {
      d_gate = at::zeros(gate.sizes(), gate.options());
      d_tables = at::zeros({segments.count(), heads, span}, table.options());
    }
    for_each_head(segments, heads, [&](std::int64_t b, std::int64_t h, AttentionScratch& scratch) {
      const std::int64_t first = segments.offsets[b], column = h * (width / heads);
      AttentionExtrasGradient d_extras;
      if (d_gate.defined()) {
        d_extras.gate = d_gate.mutable_data_ptr<float>() + first * heads + h;
        d_extras.table = d_tables.mutable_data_ptr<float>() + (b * heads + h) * span + span / 2;
      }
      attention_backward(
          {segments.length(b), width / heads, width}, extras_of(call->mask, gate, table, segments, b, h),
          qkv.const_data_ptr<float>() + first * 3 * width + column, out.const_data_ptr<float>() + first * width + column,
          log_sum.const_data_ptr<float>() + h * rows + first, d_out.const_data_ptr<float>() + first * width + column,
          d_qkv.mutable_data_ptr<float>() + first * 3 * width + column, d_extras, scratch);
    });
    at::Tensor d_table;
    if (d_tables.defined()) {
      const std::int64_t beyond = (table.size(1) - span) / 2;
      d_table = at::constant_pad_nd(d_tables.sum(0), {beyond, beyond}, 0);
    }
    return {d_qkv.to(saved[0].scalar_type()), d_gate, d_table, at::Tensor()};
  }
};

void check(const at::Tensor& qkv, std::int64_t heads, const Segments& segments, const AttentionOptions& options) {
  const std::int64_t width = qkv.size(1) / 3;
  TORCH_CHECK(qkv.dim() == 2 && qkv.size(1) == 3 * width && qkv.size(0) == segments.total(), "qkv must be ", segments.total(),
              " x 3D, got ", qkv.sizes());
  TORCH_CHECK(heads >= 1 && width % heads == 0, "heads must divide the width ", width, ", got ", heads);
  TORCH_CHECK(heads <= 256, "there can be at most 256 heads, got ", heads);
  TORCH_CHECK(options.gate.defined() == options.table.defined(), "gate and table of attention come together");
  TORCH_CHECK(options.dropout >= 0 && options.dropout < 1, "dropout must be in [0, 1), got ", options.dropout);
  if (!options.gate.defined()) return;
  TORCH_CHECK(options.gate.dim() == 2 && options.gate.size(0) == segments.total() && options.gate.size(1) == heads,
              "gate must be ", segments.total(), " x ", heads, ", got ", options.gate.sizes());
  TORCH_CHECK(options.table.dim() == 2 && options.table.size(0) == heads && options.table.size(1) % 2 == 1 &&
                  options.table.size(1) >= 2 * segments.longest() - 1,
              "table must be ", heads, " x at least ", 2 * segments.longest() - 1, " (an odd number), got ",
              options.table.sizes());
}

// B x heads x T x T: gate times the table's entry for j - i.
at::Tensor whole_bias(const AttentionOptions& options, const SegmentsPtr& segments) {
  const std::int64_t longest = segments->longest(), heads = options.table.size(0);
  const at::Tensor place = at::arange(longest, options.table.options().dtype(at::kLong));
  const at::Tensor index = place.unsqueeze(0) - place.unsqueeze(1) + options.table.size(1) / 2;
  const at::Tensor table = options.table.index_select(1, index.flatten()).view({1, heads, longest, longest});
  return segment_pad(options.gate, segments).transpose(1, 2).unsqueeze(3) * table;
}

// B x heads x T x T: 0 for dropped weights. Drawn on the host: the same decisions on every device.
at::Tensor whole_keep(const AttentionOptions& options, std::int64_t heads, const Segments& segments) {
  const std::int64_t longest = segments.longest();
  at::Tensor factor = at::ones({segments.count(), heads, longest, longest}, at::TensorOptions(at::kFloat));
  const DropoutMask mask = make_dropout_mask(options.dropout, 1, options.key);
  std::vector<float> row(static_cast<std::size_t>((longest + 127) / 128 * 128));
  for (std::int64_t b = 0; b < segments.count(); ++b) {
    for (std::int64_t h = 0; h < heads; ++h) {
      const AttentionExtras extras = extras_of(mask, {}, {}, segments, b, h);
      for (std::int64_t i = 0; i < segments.length(b); ++i) {
        attention_keep(extras, i, segments.length(b), row.data());
        std::copy_n(row.data(), segments.length(b),
                    factor.mutable_data_ptr<float>() + ((b * heads + h) * longest + i) * longest);
      }
    }
  }
  return factor;
}

}  // namespace

at::Tensor segment_attention(const at::Tensor& qkv, std::int64_t heads, const SegmentsPtr& segments,
                             const AttentionOptions& options) {
  check(qkv, heads, *segments, options);
#ifdef SER_CUDA
  if (device_attention_takes(qkv, heads, *segments)) return device_attention(qkv, heads, segments, options);
#endif
  if (!qkv.is_cpu() || qkv.scalar_type() == at::kDouble || qkv.size(1) / 3 / heads > kAttentionMaxHeadWidth) {
    return segment_attention_padded(qkv, heads, segments, options);
  }
  return apply_attention<SegmentAttention>(qkv, heads, segments, options);
}

at::Tensor segment_attention_padded(const at::Tensor& qkv, std::int64_t heads, const SegmentsPtr& segments,
                                    const AttentionOptions& options) {
  check(qkv, heads, *segments, options);
  const at::Tensor padded = segment_pad(qkv, segments);  // B, T, 3D
  const std::int64_t batch = padded.size(0), longest = padded.size(1), width = padded.size(2) / 3;
  const at::Tensor split = padded.view({batch, longest, 3, heads, width / heads}).permute({2, 0, 3, 1, 4});
  const at::Tensor q = split.select(0, 0), k = split.select(0, 1), v = split.select(0, 2);
  const at::Tensor mask = segment_mask(segments, qkv.device()).view({batch, 1, 1, longest});
  at::Tensor out;
  if (!options.gate.defined() && options.dropout == 0) {
    out = at::scaled_dot_product_attention(q, k, v, mask);
  } else {
    at::Tensor scores = at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(width / heads));
    if (options.gate.defined()) scores = scores + whole_bias(options, segments);
    at::Tensor weights = at::softmax(scores.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity()), -1);
    if (options.dropout > 0) weights = weights * upload(whole_keep(options, heads, *segments), weights.options());
    out = at::matmul(weights, v);
  }
  return segment_unpad(out.transpose(1, 2).reshape({batch, longest, width}), segments);
}

}  // namespace ser
