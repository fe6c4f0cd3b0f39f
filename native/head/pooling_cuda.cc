#include "head/pooling_cuda.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include "head/pooling_device.h"

namespace ser {
namespace {

// Everything of a call that its tensors hold. `scratch` is left to the caller, which keeps it until the launches are made:
// LibTorch's allocator hands its memory on only to work that is queued behind them.
FlamPool pool_of(const at::Tensor& frames, const at::Tensor& attended, const at::Tensor& score, const at::Tensor& through,
                 const Segments& segments, const at::Tensor& pooled_frames, const at::Tensor& pooled_attended,
                 const at::Tensor& weights) {
  FlamPool pool;
  pool.frames = frames.const_data_ptr();
  pool.attended = attended.const_data_ptr();
  pool.half = frames.scalar_type() == at::kBFloat16;
  pool.score = score.const_data_ptr<float>();
  pool.through = through.const_data_ptr<float>();
  pool.offsets = segment_offsets(segments, frames.device()).const_data_ptr<std::int64_t>();
  pool.rows = segments.total();
  pool.segments = segments.count();
  pool.width = static_cast<int>(frames.size(1));
  pool.weights = weights.mutable_data_ptr<float>();
  pool.pooled_frames = pooled_frames.mutable_data_ptr<float>();
  pool.pooled_attended = pooled_attended.mutable_data_ptr<float>();
  return pool;
}

at::Tensor scratch_of(const FlamPool& pool, const at::TensorOptions& options) {
  return at::empty({flam_pool_scratch(pool.rows, pool.segments, pool.width)}, options);
}

struct DevicePool : torch::autograd::Function<DevicePool> {
  static torch::autograd::tensor_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& frames_input,
                                              const at::Tensor& attended_input, const at::Tensor& score_input,
                                              const at::Tensor& through_input, const SegmentsPtr& segments) {
    const at::Tensor frames = frames_input.contiguous(), attended = attended_input.contiguous();
    const at::Tensor score = score_input.to(at::kFloat).contiguous(), through = through_input.to(at::kFloat).contiguous();
    const c10::cuda::CUDAGuard guard(frames.device());
    const at::TensorOptions options = score.options();
    const at::Tensor weights = at::empty({segments->total()}, options);
    const at::Tensor pooled_frames = at::empty({segments->count(), frames.size(1)}, options);
    const at::Tensor pooled_attended = at::empty_like(pooled_frames);
    FlamPool pool = pool_of(frames, attended, score, through, *segments, pooled_frames, pooled_attended, weights);
    const at::Tensor scratch = scratch_of(pool, options);
    pool.scratch = scratch.mutable_data_ptr<float>();
    flam_pool_forward(pool, c10::cuda::getCurrentCUDAStream().stream());
    ctx->save_for_backward({frames, attended, score, through, pooled_frames, pooled_attended, weights});
    ctx->saved_data["segments"] = c10::IValue::make_capsule(segments);
    ctx->set_materialize_grads(false);
    return {pooled_frames, pooled_attended, weights};
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &frames = saved[0], &attended = saved[1], &score = saved[2], &through = saved[3];
    const auto segments = c10::static_intrusive_pointer_cast<Segments>(ctx->saved_data["segments"].toCapsule());
    const c10::cuda::CUDAGuard guard(frames.device());
    FlamPool pool = pool_of(frames, attended, score, through, *segments, saved[4], saved[5], saved[6]);
    const auto upstream = [&](std::size_t i) {
      return grad[i].defined() ? grad[i].to(at::kFloat).contiguous() : at::zeros(saved[4].sizes(), saved[4].options());
    };
    const at::Tensor d_pooled_frames = upstream(0), d_pooled_attended = upstream(1);
    const at::Tensor d_weights = grad[2].defined() ? grad[2].to(at::kFloat).contiguous() : at::Tensor();
    const at::Tensor d_frames = at::empty_like(frames), d_attended = at::empty_like(attended);
    const at::Tensor d_score = at::empty_like(score), d_through = at::empty_like(through);
    const at::Tensor scratch = scratch_of(pool, score.options());
    pool.scratch = scratch.mutable_data_ptr<float>();
    FlamPoolGradient gradient;
    gradient.d_pooled_frames = d_pooled_frames.const_data_ptr<float>();
    gradient.d_pooled_attended = d_pooled_attended.const_data_ptr<float>();
    gradient.d_weights = d_weights.defined() ? d_weights.const_data_ptr<float>() : nullptr;
    gradient.d_frames = d_frames.mutable_data_ptr();
    gradient.d_attended = d_attended.mutable_data_ptr();
    gradient.d_score = d_score.mutable_data_ptr<float>();
    gradient.d_through = d_through.mutable_data_ptr<float>();
    flam_pool_backward(pool, gradient, c10::cuda::getCurrentCUDAStream().stream());
    return {d_frames, d_attended, d_score, d_through, at::Tensor()};
  }
};

}  // namespace

bool device_pool_takes(const at::Tensor& frames, const at::Tensor& attended) {
  const at::ScalarType type = frames.scalar_type();
  return frames.is_cuda() && (type == at::kFloat || type == at::kBFloat16) && attended.scalar_type() == type &&
         frames.size(1) <= kWidestPool;
}

PooledFrames device_pool(const at::Tensor& frames, const at::Tensor& attended, const at::Tensor& score,
                         const at::Tensor& through, const SegmentsPtr& segments) {
  const auto out = DevicePool::apply(frames, attended, score, through, segments);
  return {out[0], out[1], out[2]};
}

}  // namespace ser
