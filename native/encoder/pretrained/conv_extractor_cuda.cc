// A layer's norm and GELU on a CUDA device: one pass over memory, with two more where statistics are an utterance's.
#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>

#include "encoder/fused.h"
#include "encoder/pretrained/conv_extractor.h"

namespace ser {

at::Tensor ConvExtractor::fused_norm_gelu(const at::Tensor& x, std::size_t index, const Layout& layout,
                                          at::ScalarType type) const {
  const Layer& layer = layers_[index];
  const NormWeights1d norm{layer.norm_weight, layer.norm_bias};
  if (!layer.norm_weight.defined()) return layer.bias.defined() ? bias_gelu(x, layer.bias, {}) : at::gelu(x);
  if (!group_norm_) return norm_gelu(x, layer.bias, norm);
  const std::int64_t per_slot = hop_ / layer.stride;
  std::vector<RowRange> ranges;
  for (std::size_t b = 0; b < layout.lengths.size(); ++b) {
    ranges.push_back({layout.slots[b] * per_slot, (layout.lengths[b] - layer.kernel) / layer.stride + 1});
  }
  return range_norm_gelu(layer.bias.defined() ? x + layer.bias.to(x.scalar_type()) : x, ranges, norm, type);
}

}  // namespace ser
