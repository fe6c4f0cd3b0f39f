// A linear layer of a pretrained encoder: weight and bias, an adapter where one is trained, and a packed copy of the weight for
// inference.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "encoder/encoder.h"

namespace ser {

// Low-rank adapters (LoRA, Hu et al. 2021) on `parts` equal row blocks of a merged projection: y += alpha / rank * B_p (A_p x).
struct Adapter {
  at::Tensor down;  // parts * rank x in
  at::Tensor up;    // parts x (out / parts) x rank, zeros at first
  double scale = 1, dropout = 0;
  std::int64_t parts = 1;
};

class Projection {
 public:
  Projection() = default;
  // `bias` has as many values as `weight` has rows, or two thirds of that: the middle third of a merged q, k, v then has none.
  Projection(at::Tensor weight, at::Tensor bias) : weight_(std::move(weight)), bias_(std::move(bias)) {}
  void adapt(Adapter adapter) { adapter_ = std::move(adapter); }

  // x: rows x in -> rows x out. In bf16 where the caller has switched autocast on. `key` is for the adapter's dropout.
  at::Tensor forward(const at::Tensor& x, const SegmentsPtr& segments, bool training, const DropoutKey& key) const;

  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }
  // The weight with the adapter's product added: what an export holds.
  at::Tensor merged_weight() const;

 private:
  at::Tensor weight_, bias_;
  Adapter adapter_;
};

}  // namespace ser
