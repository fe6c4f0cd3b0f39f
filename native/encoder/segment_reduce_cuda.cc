#include "encoder/segment_reduce_cuda.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include "encoder/segment_reduce_device.h"

namespace ser {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// `x` gives type, width and device; `data` is read, which may be null.
PackedRows rows_of(const at::TensorOptions& options, std::int64_t width, const Segments& segments, const void* data) {
  PackedRows rows;
  rows.x = data;
  rows.half = c10::typeMetaToScalarType(options.dtype()) == at::kBFloat16;
  rows.offsets = segment_offsets(segments, options.device()).const_data_ptr<std::int64_t>();
  rows.rows = segments.total();
  rows.segments = segments.count();
  rows.width = width;
  return rows;
}

void* stream() { return c10::cuda::getCurrentCUDAStream().stream(); }

at::Tensor mean_of(const at::Tensor& x, const Segments& segments) {
  at::Tensor mean = at::empty({segments.count(), x.size(1)}, x.options().dtype(at::kFloat));
  segment_mean_launch(rows_of(x.options(), x.size(1), segments, x.const_data_ptr()), mean.mutable_data_ptr<float>(), stream());
  return mean;
}

void keep(AutogradContext* ctx, const at::Tensor& x, const SegmentsPtr& segments) {
  ctx->saved_data["segments"] = c10::IValue::make_capsule(segments);
  ctx->saved_data["half"] = x.scalar_type() == at::kBFloat16;
}

SegmentsPtr segments_of(AutogradContext* ctx) {
  return c10::static_intrusive_pointer_cast<Segments>(ctx->saved_data["segments"].toCapsule());
}

at::ScalarType type_of(AutogradContext* ctx) { return ctx->saved_data["half"].toBool() ? at::kBFloat16 : at::kFloat; }

struct DeviceMean : torch::autograd::Function<DeviceMean> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& input, const SegmentsPtr& segments) {
    const c10::cuda::CUDAGuard guard(input.device());
    keep(ctx, input, segments);
    return mean_of(input.contiguous(), *segments).to(input.scalar_type());
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grad) {
    const c10::cuda::CUDAGuard guard(grad[0].device());
    const auto segments = segments_of(ctx);
    const at::Tensor upstream = grad[0].to(at::kFloat).contiguous();
    at::Tensor out = at::empty({segments->total(), upstream.size(1)}, upstream.options().dtype(type_of(ctx)));
    segment_spread_launch(rows_of(out.options(), upstream.size(1), *segments, nullptr), 0, upstream.const_data_ptr<float>(),
                          /*by_length=*/true, out.mutable_data_ptr(), stream());
    return {out, at::Tensor()};
  }
};

at::Tensor broadcast(const at::Tensor& input, const Segments& segments) {
  const c10::cuda::CUDAGuard guard(input.device());
  const at::Tensor x = input.contiguous(), mean = mean_of(x, segments);
  at::Tensor out = at::empty_like(x);
  segment_spread_launch(rows_of(x.options(), x.size(1), segments, x.const_data_ptr()), 0.5f, mean.const_data_ptr<float>(),
                        /*by_length=*/false, out.mutable_data_ptr(), stream());
  return out;
}

// Row t of (x + mean x) / 2 holds x_t by 1/2 and every row of the utterance by 1 / 2T: the matrix is symmetric.
struct DeviceBroadcast : torch::autograd::Function<DeviceBroadcast> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& input, const SegmentsPtr& segments) {
    keep(ctx, input, segments);
    return broadcast(input, *segments);
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grad) {
    return {broadcast(grad[0].to(type_of(ctx)), *segments_of(ctx)), at::Tensor()};
  }
};

struct DeviceMax : torch::autograd::Function<DeviceMax> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& input, const SegmentsPtr& segments) {
    const c10::cuda::CUDAGuard guard(input.device());
    keep(ctx, input, segments);
    const at::Tensor x = input.contiguous();
    at::Tensor greatest = at::empty({segments->count(), x.size(1)}, x.options().dtype(at::kFloat));
    at::Tensor row = at::empty(greatest.sizes(), x.options().dtype(at::kLong));
    segment_max_launch(rows_of(x.options(), x.size(1), *segments, x.const_data_ptr()), greatest.mutable_data_ptr<float>(),
                       row.mutable_data_ptr<std::int64_t>(), stream());
    ctx->save_for_backward({row});
    return greatest.to(input.scalar_type());
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grad) {
    const c10::cuda::CUDAGuard guard(grad[0].device());
    const auto segments = segments_of(ctx);
    const at::Tensor upstream = grad[0].to(at::kFloat).contiguous(), row = ctx->get_saved_variables()[0];
    at::Tensor out = at::zeros({segments->total(), upstream.size(1)}, upstream.options().dtype(type_of(ctx)));
    segment_scatter_launch(rows_of(out.options(), upstream.size(1), *segments, nullptr), upstream.const_data_ptr<float>(),
                           row.const_data_ptr<std::int64_t>(), out.mutable_data_ptr(), stream());
    return {out, at::Tensor()};
  }
};

}  // namespace

bool device_reduce_takes(const at::Tensor& x) {
  return x.is_cuda() && x.dim() == 2 && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

at::Tensor device_segment_mean(const at::Tensor& x, const SegmentsPtr& segments) { return DeviceMean::apply(x, segments); }
at::Tensor device_broadcast_mean(const at::Tensor& x, const SegmentsPtr& segments) {
  return DeviceBroadcast::apply(x, segments);
}
at::Tensor device_segment_max(const at::Tensor& x, const SegmentsPtr& segments) { return DeviceMax::apply(x, segments); }

}  // namespace ser
