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

  // x: rows x in -> rows x out. In bf16 where the caller has switched autocast on. `key` is for the adapter's dropout, which
  // `training` switches on. Otherwise, where the weight is not trained and no gradient flows through, it is kept packed. Without
  // the bias where the caller adds it.
  at::Tensor forward(const at::Tensor& x, const SegmentsPtr& segments, bool training, const DropoutKey& key,
                     bool adds_bias = true) const;

  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }
  // The weight with the adapter's product added: what an export holds.
  at::Tensor merged_weight() const;

 private:
  // A copy of the weight as oneDNN wants it, in the type of the arithmetic; undefined until it is needed.
  struct Packed {
    at::Tensor weight;
    at::ScalarType type = at::kFloat;
    // Of the weight that it was made from: any change of that shows in one of them.
    const void* data = nullptr;
    std::uint32_t version = 0;
    std::uint64_t generation = 0;
  };
  const at::Tensor& packed(at::ScalarType type) const;
  at::Tensor product(const at::Tensor& x, bool training, bool adds_bias) const;

  at::Tensor weight_, bias_;
  Adapter adapter_;
  mutable Packed packed_;
};

// To be called after weights have been loaded: models may share the memory of frozen weights, and a change through one does not
// raise the version of the other's tensors.
void drop_packed_weights() noexcept;

}  // namespace ser
