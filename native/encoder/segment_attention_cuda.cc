#include "encoder/segment_attention_cuda.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>
#include <optional>

#include "encoder/segment_attention_device.h"

namespace ser {
namespace {

// Shapes alone, enough to know whether the kernels can.
AttentionLaunch shape_of(const at::Tensor& qkv, std::int64_t heads, const Segments& segments) {
  AttentionLaunch launch;
  launch.count = static_cast<int>(segments.count());
  launch.longest = static_cast<int>(segments.longest());
  launch.heads = static_cast<int>(heads);
  launch.head_width = static_cast<int>(qkv.size(1) / 3 / heads);
  launch.rows = qkv.size(0);
  return launch;
}

// What of the options is no tensor, for the backward pass to find again.
struct DeviceNoise : torch::CustomClassHolder {
  DropoutMask mask;
};
using DeviceNoisePtr = c10::intrusive_ptr<DeviceNoise>;

AttentionLaunch launch_of(const at::Tensor& qkv, std::int64_t heads, const Segments& segments, const at::Tensor& gate,
                          const at::Tensor& table, const DeviceNoise& noise) {
  AttentionLaunch launch = shape_of(qkv, heads, segments);
  launch.offsets = segment_offsets(segments, qkv.device()).const_data_ptr<std::int64_t>();
  if (gate.defined()) {
    launch.gate = gate.const_data_ptr<float>();
    launch.table = table.const_data_ptr<float>();
    launch.reach = static_cast<int>((table.size(1) + 1) / 2);
  }
  launch.mask = noise.mask;
  if (noise.mask.threshold > 0) launch.keys = segment_keys(segments, qkv.device()).const_data_ptr<std::int64_t>();
  return launch;
}

// Contiguous, and where the kernels' copies of 16 bytes may start: a view may begin anywhere.
at::Tensor aligned(const at::Tensor& x) {
  const at::Tensor whole = x.contiguous();
  return reinterpret_cast<std::uintptr_t>(whole.const_data_ptr()) % 16 == 0 ? whole : whole.clone();
}

at::Tensor as_float(const std::optional<at::Tensor>& tensor) {
  return tensor.has_value() && tensor->defined() ? tensor->to(at::kFloat).contiguous() : at::Tensor();
}

struct DeviceAttention : torch::autograd::Function<DeviceAttention> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& input,
                            const std::optional<at::Tensor>& gate_input, const std::optional<at::Tensor>& table_input,
                            std::int64_t heads, const SegmentsPtr& segments, const DeviceNoisePtr& noise) {
    const c10::cuda::CUDAGuard guard(input.device());
    const at::Tensor qkv = aligned(input), gate = as_float(gate_input), table = as_float(table_input);
    const at::Tensor out = at::empty({qkv.size(0), qkv.size(1) / 3}, qkv.options());
    const at::Tensor log_sum = at::empty({heads, qkv.size(0)}, qkv.options().dtype(at::kFloat));
    launch_attention_forward(launch_of(qkv, heads, *segments, gate, table, *noise), qkv.scalar_type() == at::kBFloat16,
                             qkv.const_data_ptr(), out.mutable_data_ptr(), log_sum.mutable_data_ptr<float>(),
                             c10::cuda::getCurrentCUDAStream().stream());
    ctx->save_for_backward({qkv, out, log_sum, gate, table});
    ctx->saved_data["heads"] = heads;
    ctx->saved_data["segments"] = c10::IValue::make_capsule(segments);
    ctx->saved_data["noise"] = c10::IValue::make_capsule(noise);
    return out;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &qkv = saved[0], &gate = saved[3], &table = saved[4];
    const auto segments = c10::static_intrusive_pointer_cast<Segments>(ctx->saved_data["segments"].toCapsule());
    const auto noise = c10::static_intrusive_pointer_cast<DeviceNoise>(ctx->saved_data["noise"].toCapsule());
    const c10::cuda::CUDAGuard guard(qkv.device());
    const AttentionLaunch launch = launch_of(qkv, ctx->saved_data["heads"].toInt(), *segments, gate, table, *noise);
    const at::Tensor d_out = aligned(grad[0].to(qkv.scalar_type()));
    const at::Tensor d_qkv = at::empty_like(qkv), delta = at::empty_like(saved[2]);
    at::Tensor d_gate, d_table, scratch;
    AttentionBackward data;
    data.qkv = qkv.const_data_ptr();
    data.out = saved[1].const_data_ptr();
    data.log_sum = saved[2].const_data_ptr<float>();
    data.d_out = d_out.const_data_ptr();
    data.delta = delta.mutable_data_ptr<float>();
    data.d_qkv = d_qkv.mutable_data_ptr();
    if (gate.defined() && (ctx->needs_input_grad(1) || ctx->needs_input_grad(2))) {
      d_gate = at::empty_like(gate);
      d_table = at::empty_like(table);
      scratch = at::empty({attention_table_scratch(launch)}, table.options());
      data.d_gate = d_gate.mutable_data_ptr<float>();
      data.d_table = d_table.mutable_data_ptr<float>();
      data.table_scratch = scratch.mutable_data_ptr<float>();
    }
    launch_attention_backward(launch, qkv.scalar_type() == at::kBFloat16, data, c10::cuda::getCurrentCUDAStream().stream());
    return {d_qkv, d_gate, d_table, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

bool device_attention_takes(const at::Tensor& qkv, std::int64_t heads, const Segments& segments) {
  const bool bf16 = qkv.scalar_type() == at::kBFloat16;
  if (!qkv.is_cuda() || !(bf16 || qkv.scalar_type() == at::kFloat)) return false;
  if (segments.count() > std::numeric_limits<int>::max() || segments.longest() > std::numeric_limits<int>::max()) return false;
  return attention_cuda_fits(shape_of(qkv, heads, segments), bf16);
}

at::Tensor device_attention(const at::Tensor& qkv, std::int64_t heads, const SegmentsPtr& segments,
                            const AttentionOptions& options) {
  const auto noise = c10::make_intrusive<DeviceNoise>();
  noise->mask = make_dropout_mask(options.dropout, 1, options.key);
  const auto optional = [](const at::Tensor& tensor) {
    return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::optional<at::Tensor>();
  };
  return DeviceAttention::apply(qkv, optional(options.gate), optional(options.table), heads, segments, noise);
}

}  // namespace ser
