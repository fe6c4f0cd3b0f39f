// The strided convolutions that turn a waveform into frames, for wav2vec2, HuBERT and WavLM.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "encoder/encoder.h"
#include "encoder/pretrained/pretrained_encoder.h"

namespace ser {

// A batch is one long waveform in which every utterance starts at a multiple of the hop (the product of all strides); channels
// lie together, so that a convolution is a product of matrices. An utterance's frames are those that see none but its samples;
// the few between, which see two utterances, are computed and dropped.
class ConvExtractor {
 public:
  // Registers "encoder.extractor.N.weight" (out x taps x in), ".bias", ".norm.weight" and ".norm.bias".
  ConvExtractor(const SslEncoderConfig& config, Placement placement, ParameterSet& parameters, Initializer& initializer);

  // Frames of an utterance of so many samples; 0 under receptive_field().
  std::int64_t frames(std::int64_t samples) const;
  std::int64_t receptive_field() const { return field_; }
  std::int64_t channels() const { return layers_.back().weight.size(0); }

  // Packed frames, sum(T) x C. Utterances are brought to mean 0 and variance 1 first where the configuration says so. Nothing is
  // kept for a backward pass where the weights are frozen. In bf16 where the caller has switched autocast on.
  at::Tensor forward(const Waves& waves) const;

  // By LibTorch's conv1d, utterance by utterance: the oracle.
  at::Tensor forward_composite(const Waves& waves) const;

  void append_targets(std::vector<CheckpointTarget>& to) const;

 private:
  struct Layer {
    at::Tensor weight, bias;            // bias undefined where there is none
    at::Tensor norm_weight, norm_bias;  // undefined where there is none
    std::int64_t kernel = 0, stride = 0;
  };
  struct Layout {
    at::Tensor samples;                         // the long waveform
    std::vector<std::int64_t> slots;            // first frame of each utterance, and the end
    std::vector<std::int64_t> lengths, frames;  // in samples, in frames
  };

  at::Tensor prepared(const at::Tensor& wave) const;
  Layout lay_out(const Waves& waves) const;
  at::Tensor drop_straddling(const at::Tensor& all, const Layout& layout) const;
  at::Tensor train_forward(const Layout& layout) const;
  at::Tensor group_norm(const at::Tensor& y, const Layout& layout) const;
  at::Tensor fast_forward(const Layout& layout) const;
  // What follows a layer's convolution, by the operations of encoder/fused.h; the result in `type` where that saves a pass.
  at::Tensor fused_norm_gelu(const at::Tensor& x, std::size_t index, const Layout& layout, at::ScalarType type) const;

  bool normalize_, group_norm_, trained_;
  std::int64_t hop_ = 1, field_ = 1;
  std::vector<Layer> layers_;
};

}  // namespace ser
