// What one use of attention by segments is besides its tensors, for the autograd functions of both devices and their backward passes.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "encoder/segment_attention.h"
#include "engine/dropout_mask.h"

namespace ser {

struct AttentionCall : torch::CustomClassHolder {
  std::int64_t heads = 0;
  SegmentsPtr segments;
  DropoutMask mask;  // of the weights
};
using AttentionCallPtr = c10::intrusive_ptr<AttentionCall>;

// The options' gate or table as the functions take and compute with it.
inline std::optional<at::Tensor> optional_part(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt;
}
inline at::Tensor float_part(const std::optional<at::Tensor>& tensor) {
  return tensor.has_value() && tensor->defined() ? tensor->to(at::kFloat).contiguous() : at::Tensor();
}

// Calls an autograd function of qkv, gate, table and call.
template <typename Function>
at::Tensor apply_attention(const at::Tensor& qkv, std::int64_t heads, const SegmentsPtr& segments,
                           const AttentionOptions& options) {
  const auto call = c10::make_intrusive<AttentionCall>();
  call->heads = heads;
  call->segments = segments;
  call->mask = make_dropout_mask(options.dropout, 1, options.key);
  return Function::apply(qkv, optional_part(options.gate), optional_part(options.table), call);
}

}  // namespace ser
