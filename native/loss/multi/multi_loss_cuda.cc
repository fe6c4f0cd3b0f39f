// The fused multi-loss on tensors: multi_loss.cu under autograd.
#include "loss/multi/multi_loss_cuda.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <limits>

#include "loss/multi/multi_loss.h"

namespace ser {
namespace {

using Shapes = std::array<std::vector<std::int64_t>, 4>;  // of logits, embedding, contrast (empty = none), centers

// Each gradient begins at a multiple of 16 bytes in one buffer, so that the backward pass is one launch over all four.
std::int64_t padded(std::int64_t count) { return (count + 3) / 4 * 4; }

std::int64_t count_of(const std::vector<std::int64_t>& shape) { return shape.empty() ? 0 : shape[0] * shape[1]; }

std::int64_t total_of(const Shapes& shapes) {
  std::int64_t total = 0;
  for (const auto& shape : shapes) total += padded(count_of(shape));
  return total;
}

// Views of the buffer; undefined where a shape is empty.
std::array<at::Tensor, 4> parts_of(const at::Tensor& buffer, const Shapes& shapes) {
  std::array<at::Tensor, 4> parts;
  std::int64_t at = 0;
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    const std::int64_t count = count_of(shapes[k]);
    if (!shapes[k].empty()) parts[k] = buffer.narrow(0, at, count).view(shapes[k]);
    at += padded(count);
  }
  return parts;
}

float* data_or_null(const at::Tensor& tensor) { return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr; }

struct FusedMultiLoss : torch::autograd::Function<FusedMultiLoss> {
  static torch::autograd::tensor_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& logits,
                                              const at::Tensor& embedding, const std::optional<at::Tensor>& contrast,
                                              const at::Tensor& centers, const MultiLossInput& rest,
                                              const MultiLossOptions& options) {
    const c10::cuda::CUDAGuard guard(logits.device());
    // Each stays alive until the launch, which the stream's order makes long enough.
    const at::Tensor x = logits.contiguous(), e = embedding.contiguous(), c = centers.contiguous(),
                     y = rest.labels.contiguous(), base = rest.base_classes.to(at::kLong).contiguous();
    const at::Tensor n = contrast ? contrast->contiguous() : at::Tensor();
    const at::Tensor v = rest.class_weights.defined() ? rest.class_weights.contiguous() : at::Tensor();
    const Shapes shapes{x.sizes().vec(), e.sizes().vec(), contrast ? n.sizes().vec() : std::vector<std::int64_t>(),
                        c.sizes().vec()};
    const at::Tensor buffer = at::empty({total_of(shapes)}, x.options());
    const auto gradient = parts_of(buffer, shapes);
    const at::Tensor total = at::empty({}, x.options().dtype(at::kDouble));
    const at::Tensor components = at::empty({8}, total.options());
    const int batch = static_cast<int>(x.size(0));
    const at::Tensor workspace = at::empty({static_cast<std::int64_t>(cuda::multi_loss_workspace(batch))}, x.options());

    const LossWeights& w = options.weights;
    const cuda::MultiLossProblem problem{x.const_data_ptr<float>(),
                                         e.const_data_ptr<float>(),
                                         contrast ? n.const_data_ptr<float>() : nullptr,
                                         y.const_data_ptr<float>(),
                                         base.const_data_ptr<std::int64_t>(),
                                         c.const_data_ptr<float>(),
                                         v.defined() ? v.const_data_ptr<float>() : nullptr,
                                         batch,
                                         static_cast<int>(x.size(1)),
                                         static_cast<int>(e.size(1)),
                                         contrast ? static_cast<int>(n.size(1)) : 0,
                                         w.kl,
                                         w.focal,
                                         w.center,
                                         w.supcon,
                                         options.gamma,
                                         options.temperature};
    const cuda::MultiLossResult result{total.mutable_data_ptr<double>(), components.mutable_data_ptr<double>(),
                                       data_or_null(gradient[0]),        data_or_null(gradient[1]),
                                       data_or_null(gradient[2]),        data_or_null(gradient[3])};
    cuda::multi_loss_forward(problem, result, workspace.mutable_data_ptr<float>(), c10::cuda::getCurrentCUDAStream().stream());

    ctx->save_for_backward({buffer});
    for (std::size_t k = 0; k < shapes.size(); ++k) ctx->saved_data["shape" + std::to_string(k)] = shapes[k];
    ctx->mark_non_differentiable({components});
    return {total, components};
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list upstream) {
    const at::Tensor buffer = ctx->get_saved_variables()[0];
    const c10::cuda::CUDAGuard guard(buffer.device());
    Shapes shapes;
    for (std::size_t k = 0; k < shapes.size(); ++k) {
      shapes[k] = ctx->saved_data["shape" + std::to_string(k)].toIntVector();
    }
    const at::Tensor factor = upstream[0].to(at::kDouble).contiguous();
    const at::Tensor scaled = at::empty_like(buffer);
    cuda::multi_loss_backward(buffer.const_data_ptr<float>(), factor.const_data_ptr<double>(), scaled.mutable_data_ptr<float>(),
                              buffer.numel(), c10::cuda::getCurrentCUDAStream().stream());
    torch::autograd::tensor_list out;
    for (const at::Tensor& part : parts_of(scaled, shapes)) out.push_back(part);
    out.resize(6);
    return out;
  }
};

bool is_taken(const at::Tensor& tensor, const at::Device& device) {
  return !tensor.defined() || (tensor.device() == device && tensor.scalar_type() == at::kFloat);
}

}  // namespace

std::optional<MultiLossOutput> multi_loss_fused(const MultiLossInput& in, const MultiLossOptions& options) {
  const at::Device device = in.logits.device();
  if (!device.is_cuda() || in.base_classes.device() != device) return std::nullopt;
  for (const at::Tensor* tensor : {&in.logits, &in.embedding, &in.contrast, &in.labels, &in.centers, &in.class_weights}) {
    if (!is_taken(*tensor, device)) return std::nullopt;
  }
  const auto columns_fit = [](const at::Tensor& t) { return t.size(1) >= 1 && t.size(1) <= cuda::kMultiLossColumns; };
  const std::int64_t batch = in.logits.size(0), classes = in.logits.size(1);
  const bool fits = batch >= 1 && batch <= std::numeric_limits<int>::max() / 2 && classes >= 1 &&
                    classes <= cuda::kMultiLossClasses && columns_fit(in.embedding) &&
                    (!in.contrast.defined() || columns_fit(in.contrast)) && options.temperature > 0;
  const bool agree = in.labels.sizes() == in.logits.sizes() && in.embedding.size(0) == batch &&
                     in.base_classes.numel() == batch && in.centers.size(0) == classes &&
                     in.centers.size(1) == in.embedding.size(1) && (!in.contrast.defined() || in.contrast.size(0) == batch) &&
                     (!in.class_weights.defined() || in.class_weights.numel() == classes);
  if (!fits || !agree) return std::nullopt;
  const std::optional<at::Tensor> contrast = in.contrast.defined() ? std::optional(in.contrast) : std::nullopt;
  const auto out = FusedMultiLoss::apply(in.logits, in.embedding, contrast, in.centers, in, options);
  return MultiLossOutput{out[0], out[1]};
}

}  // namespace ser
