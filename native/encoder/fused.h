// Elementwise operations that CUDA does in one pass around a product of matrices; differentiable. Only a build with CUDA has them:
// elsewhere the same is written as separate operations.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "encoder/norm_relu.h"
#include "engine/dropout.h"

namespace ser {

// Whether the operations below take this tensor and what autocast would make of it: float32 or bf16 on a CUDA device.
bool has_fused(const at::Tensor& x);
// The type that a product of matrices has here: autocast's, or that of x.
at::ScalarType product_type(const at::Tensor& x);

struct NormWeights1d {
  at::Tensor weight, bias;  // D, float32
  double epsilon = 1e-5;
};

struct RowDropout {
  double p = 0;
  DropoutKey key;
  SegmentsPtr segments;
};

// dropout(GELU(x + bias)); x rows x D, bias float32 D.
at::Tensor bias_gelu(const at::Tensor& x, const at::Tensor& bias, const RowDropout& noise);

// LayerNorm(x) in `type`; rows x D.
at::Tensor fused_norm(const at::Tensor& x, const NormWeights1d& norm, at::ScalarType type);

// s = dropout(x + bias) + residual and LayerNorm(s): what a pre-norm layer goes on with, the norm in the type of x.
std::pair<at::Tensor, at::Tensor> dropout_add_norm(const at::Tensor& x, const at::Tensor& bias, const at::Tensor& residual,
                                                   const RowDropout& noise, const NormWeights1d& norm);
// LayerNorm(s) alone, in the type of s: a post-norm layer.
at::Tensor dropout_add_post_norm(const at::Tensor& x, const at::Tensor& bias, const at::Tensor& residual,
                                 const RowDropout& noise, const NormWeights1d& norm);

// GELU(LayerNorm(x + bias)), `bias` may be undefined: after a convolution whose channels lie together.
at::Tensor norm_gelu(const at::Tensor& x, const at::Tensor& bias, const NormWeights1d& norm);

// Rows [first, first + length) of a tensor.
struct RowRange {
  std::int64_t first = 0, length = 0;
};

// GELU of x (rows x C) normalised column by column over each range's own rows, in `type`; zeros in rows of no range. The ranges
// are in order and apart.
at::Tensor range_norm_gelu(const at::Tensor& x, const std::vector<RowRange>& ranges, const NormWeights1d& norm,
                           at::ScalarType type);

// norm_relu() of a CUDA tensor in float32 or bf16.
at::Tensor norm_relu_on_cuda(const at::Tensor& x, const NormWeights& weights, const std::vector<std::int64_t>& lengths,
                             bool training);

}  // namespace ser
