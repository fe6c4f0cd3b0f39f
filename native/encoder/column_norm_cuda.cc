#include "encoder/column_norm_cuda.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/rsqrt.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "cuda/tensors.h"
#include "encoder/fused.h"
#include "engine/upload.h"

namespace ser {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr double kEpsilon = 1e-5;
// Share of a batch's statistics in the running ones.
constexpr double kMomentum = 0.1;

// Which rows are normalised together, on the device; and what a use of the kernels is besides its tensors.
struct Plan : torch::CustomClassHolder {
  at::Tensor bytes;  // chunks, then group_chunks
  cuda::ColumnTable table;
  cuda::Activation activation = cuda::Activation::gelu;
  at::ScalarType type = at::kFloat;
  double epsilon = kEpsilon;
  bool given = false;  // statistics that did not come from x
};

// `ranges` are in order; with `one_group` their rows are normalised together, otherwise each range's. The copy is queued from pinned
// memory at every call, so a recorded graph must not hold it.
c10::intrusive_ptr<Plan> make_plan(std::int64_t rows, const std::vector<RowRange>& ranges, bool one_group, at::Device device) {
  std::vector<cuda::ColumnChunk> chunks, gaps;
  std::vector<std::int64_t> group_chunks{0};
  const auto cut = [](std::int64_t first, std::int64_t end, int group, std::vector<cuda::ColumnChunk>& to) {
    for (; first < end; first += cuda::kColumnChunk) {
      to.push_back({first, static_cast<std::int32_t>(std::min(cuda::kColumnChunk, end - first)), group});
    }
  };
  std::int64_t at = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const RowRange& range = ranges[i];
    TORCH_CHECK(range.first >= at && range.length >= 0 && range.first + range.length <= rows,
                "expected ranges in order within ", rows, " rows, got [", range.first, ", ", range.first + range.length, ")");
    cut(at, range.first, -1, gaps);
    at = range.first + range.length;
    cut(range.first, at, one_group ? 0 : static_cast<int>(i), chunks);
    if (!one_group) group_chunks.push_back(static_cast<std::int64_t>(chunks.size()));
  }
  cut(at, rows, -1, gaps);
  if (one_group) group_chunks.push_back(static_cast<std::int64_t>(chunks.size()));
  chunks.insert(chunks.end(), gaps.begin(), gaps.end());

  const std::size_t chunk_bytes = chunks.size() * sizeof(cuda::ColumnChunk),
                    group_bytes = group_chunks.size() * sizeof(std::int64_t);
  const at::Tensor host = at::empty({static_cast<std::int64_t>(chunk_bytes + group_bytes)}, staging(at::kByte, device));
  auto* to = static_cast<unsigned char*>(host.mutable_data_ptr());
  if (chunk_bytes > 0) std::memcpy(to, chunks.data(), chunk_bytes);
  std::memcpy(to + chunk_bytes, group_chunks.data(), group_bytes);
  auto plan = c10::make_intrusive<Plan>();
  plan->bytes = upload(host, device);
  const auto* from = static_cast<const unsigned char*>(plan->bytes.const_data_ptr());
  plan->table.chunks = reinterpret_cast<const cuda::ColumnChunk*>(from);
  plan->table.count = static_cast<std::int64_t>(chunks.size());
  plan->table.group_chunks = reinterpret_cast<const std::int64_t*>(from + chunk_bytes);
  plan->table.groups = static_cast<std::int64_t>(group_chunks.size()) - 1;
  return plan;
}

template <typename Work>
void for_column_types(at::ScalarType x, at::ScalarType y, const Work& work) {
  if (x == at::kBFloat16 && y == at::kBFloat16) return work(__nv_bfloat16{}, __nv_bfloat16{});
  TORCH_CHECK(x == at::kFloat, "no kernel for a norm of ", x, " in ", y);
  if (y == at::kFloat) return work(float{}, float{});
  TORCH_CHECK(y == at::kBFloat16, "no kernel for a norm of ", x, " in ", y);
  work(float{}, __nv_bfloat16{});
}

template <typename X, typename Y>
cuda::ColumnNorm<X, Y> make_work(const Plan& plan, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& shift,
                                 const at::Tensor& mean, const at::Tensor& rstd) {
  return {plan.table,
          x.size(1),
          cuda::read<X>(x),
          cuda::read<float>(mean),
          cuda::read<float>(rstd),
          cuda::read<float>(weight),
          cuda::read<float>(shift),
          plan.activation};
}

struct ColumnNormFunction : torch::autograd::Function<ColumnNormFunction> {
  // x: rows x C. mean and rstd: groups x C, or undefined and taken from x. Returns y; then mean, variance and rows of the groups
  // where they come from x.
  static tensor_list forward(AutogradContext* ctx, const at::Tensor& x_in, const at::Tensor& weight_in,
                             const at::Tensor& shift_in, const std::optional<at::Tensor>& given_mean,
                             const std::optional<at::Tensor>& given_rstd, const c10::intrusive_ptr<Plan>& plan) {
    const c10::cuda::CUDAGuard guard(x_in.device());
    const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
    const at::Tensor x = x_in.contiguous(), weight = weight_in.contiguous(), shift = shift_in.contiguous();
    const std::int64_t width = x.size(1), groups = plan->table.groups;
    at::Tensor mean, rstd, variance, count;
    plan->given = given_mean.has_value();
    if (plan->given) {
      mean = given_mean->contiguous();
      rstd = given_rstd->contiguous();
    } else {
      mean = at::empty({groups, width}, weight.options());
      rstd = at::empty({groups, width}, weight.options());
      variance = at::empty({groups, width}, weight.options());
      count = at::empty({groups}, weight.options());
      const at::Tensor partial = at::empty({cuda::column_norm_partial(plan->table.count, width)}, weight.options());
      cuda::for_type(x, [&](auto type) {
        using X = decltype(type);
        cuda::column_statistics(
            plan->table, cuda::read<X>(x), width, static_cast<float>(plan->epsilon),
            {cuda::write<float>(mean), cuda::write<float>(rstd), cuda::write<float>(variance), cuda::write<float>(count)},
            cuda::write<float>(partial), stream);
      });
    }
    at::Tensor y = at::empty(x.sizes(), x.options().dtype(plan->type));
    for_column_types(x.scalar_type(), plan->type, [&](auto from, auto to) {
      using X = decltype(from);
      using Y = decltype(to);
      cuda::column_norm(make_work<X, Y>(*plan, x, weight, shift, mean, rstd), cuda::write<Y>(y), stream);
    });
    ctx->save_for_backward({x, weight, shift, mean, rstd, count});
    ctx->saved_data["plan"] = c10::IValue::make_capsule(plan);
    if (plan->given) return {y};
    ctx->mark_non_differentiable({mean, variance, count});
    return {y, mean, variance, count};
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grad) {
    const auto plan = c10::static_intrusive_pointer_cast<Plan>(ctx->saved_data["plan"].toCapsule());
    const tensor_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &shift = saved[2], &mean = saved[3], &rstd = saved[4],
                     &count = saved[5];
    const c10::cuda::CUDAGuard guard(x.device());
    const std::int64_t width = x.size(1), groups = plan->table.groups;
    const at::Tensor dy = grad[0].to(plan->type).contiguous();
    const at::Tensor dx = at::empty(x.sizes(), x.options());
    const at::Tensor sums = at::empty({groups, 2, width}, weight.options());
    const at::Tensor partial = at::empty({cuda::column_norm_partial(plan->table.count, width)}, weight.options());
    for_column_types(x.scalar_type(), plan->type, [&](auto from, auto to) {
      using X = decltype(from);
      using Y = decltype(to);
      cuda::column_norm_backward(make_work<X, Y>(*plan, x, weight, shift, mean, rstd), cuda::read<Y>(dy),
                                 cuda::read<float>(count), cuda::write<X>(dx), cuda::write<float>(sums),
                                 cuda::write<float>(partial), c10::cuda::getCurrentCUDAStream());
    });
    const at::Tensor all = groups == 1 ? sums.select(0, 0) : sums.sum(0);
    return {dx, all.select(0, 0), all.select(0, 1), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor range_norm_gelu(const at::Tensor& x, const std::vector<RowRange>& ranges, const NormWeights1d& norm,
                           at::ScalarType type) {
  const c10::cuda::CUDAGuard guard(x.device());
  const auto plan = make_plan(x.size(0), ranges, /*one_group=*/false, x.device());
  plan->type = type;
  plan->epsilon = norm.epsilon;
  return ColumnNormFunction::apply(x, norm.weight, norm.bias, std::optional<at::Tensor>(), std::optional<at::Tensor>(),
                                   plan)[0];
}

at::Tensor norm_relu_on_cuda(const at::Tensor& input, const NormWeights& weights, const std::vector<std::int64_t>& lengths,
                             bool training) {
  const c10::cuda::CUDAGuard guard(input.device());
  const std::int64_t batch = input.size(0), channels = input.size(1), frames = input.size(2), bands = input.size(3);
  // Channels lie together: rows of C values, `bands` a frame.
  const at::Tensor x = input.permute({0, 2, 3, 1}).reshape({batch * frames * bands, channels});
  std::vector<RowRange> ranges;
  for (std::int64_t b = 0; b < batch; ++b) ranges.push_back({b * frames * bands, lengths[static_cast<std::size_t>(b)] * bands});
  const auto plan = make_plan(x.size(0), ranges, /*one_group=*/true, x.device());
  plan->activation = cuda::Activation::relu;
  plan->type = x.scalar_type();
  std::optional<at::Tensor> mean, rstd;
  if (!training) {
    mean = weights.mean.value.view({1, channels});
    rstd = at::rsqrt(weights.variance.value + kEpsilon).view({1, channels});
  }
  const tensor_list out = ColumnNormFunction::apply(x, weights.weight, weights.bias, mean, rstd, plan);
  if (training) {
    const at::NoGradGuard no_grad;
    const double count = static_cast<double>(bands * std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}));
    const double unbiased = count > 1 ? count / (count - 1) : 1;
    const auto move = [](const Buffer& buffer, const at::Tensor& to) {
      at::Tensor(buffer.pending).copy_(buffer.value + kMomentum * (to - buffer.value));
    };
    move(weights.mean, out[1].select(0, 0));
    move(weights.variance, out[2].select(0, 0) * unbiased);
  }
  return out[0].view({batch, frames, bands, channels}).permute({0, 3, 1, 2});
}

}  // namespace ser
