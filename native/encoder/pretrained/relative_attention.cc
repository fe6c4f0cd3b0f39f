#include "encoder/pretrained/relative_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/sigmoid.h>

#include <algorithm>
#include <cmath>

#include "engine/upload.h"

namespace ser {

std::int64_t relative_bucket(std::int64_t distance, std::int64_t buckets, std::int64_t max_distance) {
  const std::int64_t half = buckets / 2, exact = half / 2;
  const std::int64_t first = distance > 0 ? half : 0, away = std::abs(distance);
  if (away < exact) return first + away;
  // In float32, as transformers computes it.
  const float ratio = std::log(static_cast<float>(away) / static_cast<float>(exact)) /
                      static_cast<float>(std::log(static_cast<double>(max_distance) / static_cast<double>(exact)));
  const auto step = static_cast<std::int64_t>(static_cast<float>(exact) + ratio * static_cast<float>(half - exact));
  return first + std::min(half - 1, step);
}

at::Tensor relative_table(const at::Tensor& embedding, std::int64_t reach, std::int64_t max_distance) {
  at::Tensor index = at::empty({2 * reach - 1}, at::TensorOptions(at::kLong));
  auto* out = index.mutable_data_ptr<std::int64_t>();
  for (std::int64_t d = 1 - reach; d < reach; ++d) *out++ = relative_bucket(d, embedding.size(0), max_distance);
  return embedding.index_select(0, upload(index, embedding.device())).t().contiguous();
}

at::Tensor relative_gate(const at::Tensor& input, const RelativeGate& gate) {
  const c10::impl::ExcludeDispatchKeyGuard full_precision(c10::autocast_dispatch_keyset);
  const std::int64_t rows = input.size(0), heads = gate.constant.size(0), head = input.size(1) / heads;
  const at::Tensor x = input.to(gate.weight.scalar_type()).reshape({rows * heads, head});
  // The eight outputs are summed four by four, which the weights may be as well.
  const at::Tensor weight = gate.weight.view({2, 4, head}).sum(1), bias = gate.bias.view({2, 4}).sum(1);
  const at::Tensor both = at::sigmoid(at::linear(x, weight, bias)).view({rows, heads, 2});
  return both.select(2, 0) * (both.select(2, 1) * gate.constant - 1) + 2;
}

}  // namespace ser
