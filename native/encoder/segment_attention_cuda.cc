#include "encoder/segment_attention_cuda.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>

#include "encoder/attention_call.h"
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

AttentionLaunch launch_of(const at::Tensor& qkv, const at::Tensor& gate, const at::Tensor& table, const AttentionCall& call) {
  const Segments& segments = *call.segments;
  AttentionLaunch launch = shape_of(qkv, call.heads, segments);
  launch.offsets = segment_offsets(segments, qkv.device()).const_data_ptr<std::int64_t>();
  if (gate.defined()) {
    launch.gate = gate.const_data_ptr<float>();
    launch.table = table.const_data_ptr<float>();
    launch.reach = static_cast<int>((table.size(1) + 1) / 2);
  }
  launch.mask = call.mask;
  if (call.mask.threshold > 0) launch.keys = segment_keys(segments, qkv.device()).const_data_ptr<std::int64_t>();
  return launch;
}

// Contiguous, and where the kernels' copies of 16 bytes may start: a view may begin anywhere.
at::Tensor aligned(const at::Tensor& x) {
  const at::Tensor whole = x.contiguous();
  return reinterpret_cast<std::uintptr_t>(whole.const_data_ptr()) % 16 == 0 ? whole : whole.clone();
}

struct DeviceAttention : torch::autograd::Function<DeviceAttention> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& input,
                            const std::optional<at::Tensor>& gate_input, const std::optional<at::Tensor>& table_input,
                            const AttentionCallPtr& call) {
    const c10::cuda::CUDAGuard guard(input.device());
    const at::Tensor qkv = aligned(input), gate = float_part(gate_input), table = float_part(table_input);
    const at::Tensor out = at::empty({qkv.size(0), qkv.size(1) / 3}, qkv.options());
    const at::Tensor log_sum = at::empty({call->heads, qkv.size(0)}, qkv.options().dtype(at::kFloat));
    launch_attention_forward(launch_of(qkv, gate, table, *call), qkv.scalar_type() == at::kBFloat16, qkv.const_data_ptr(),
                             out.mutable_data_ptr(), log_sum.mutable_data_ptr<float>(),
                             c10::cuda::getCurrentCUDAStream().stream());
    ctx->save_for_backward({qkv, out, log_sum, gate, table});
    ctx->saved_data["call"] = c10::IValue::make_capsule(call);
    return out;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &qkv = saved[0], &gate = saved[3], &table = saved[4];
    const auto call = c10::static_intrusive_pointer_cast<AttentionCall>(ctx->saved_data["call"].toCapsule());
    const c10::cuda::CUDAGuard guard(qkv.device());
    const AttentionLaunch launch = launch_of(qkv, gate, table, *call);
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
    return {d_qkv, d_gate, d_table, at::Tensor()};
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
  return apply_attention<DeviceAttention>(qkv, heads, segments, options);
}

}  // namespace ser
