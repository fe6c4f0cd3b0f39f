// One pre-norm block over packed frames: self-attention, in a conformer a depthwise convolution, and a feed-forward layer.
#pragma once

#include <string>

#include "encoder/encoder.h"

namespace ser {

class TransformerBlock {
 public:
  // Registers tensors under `name`; `site` is the first of kSites dropout sites.
  TransformerBlock(const MelEncoderConfig& config, const std::string& name, std::uint32_t site, ParameterSet& parameters,
                   Initializer& initializer);

  static constexpr std::uint32_t kSites = 4;

  // x: sum(T) x D.
  at::Tensor forward(const at::Tensor& x, const SegmentsPtr& segments, const EncodeContext& context) const;

 private:
  struct Norm {
    at::Tensor weight, bias;
  };
  struct Linear {
    at::Tensor weight, bias;
  };
  at::Tensor normalise(const at::Tensor& x, const Norm& norm) const;
  // forward() by the operations of encoder/fused.h.
  at::Tensor forward_fused(const at::Tensor& x, const SegmentsPtr& segments, const EncodeContext& context) const;

  std::int64_t width_, heads_;
  bool convolves_;
  double dropout_;
  std::uint32_t site_;
  Norm attention_norm_, conv_norm_, feed_norm_;
  Linear qkv_, out_, depthwise_, pointwise_, expand_, contract_;
};

}  // namespace ser
