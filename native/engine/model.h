// Encoder, pooling and classifier with their parameters: what a model handle names.
#pragma once

#include <memory>

#include "encoder/encoder.h"
#include "head/flam.h"

namespace ser {

struct ModelOutput {
  at::Tensor logits;     // B x C
  at::Tensor embedding;  // B x E
  at::Tensor contrast;   // B x E, of the context-broadcast frames; undefined unless asked for
  at::Tensor weights;    // pooling weights, sum(T); for mean pooling uniform, for max undefined
  SegmentsPtr segments;
};

class Model {
 public:
  Model(const ModelConfig& config, std::uint64_t seed, at::Device device);

  // Float32 in and out; products of matrices in bf16 where the caller has switched autocast on.
  ModelOutput forward(const Waves& waves, const EncodeContext& context, bool contrast) const;

  ParameterSet& parameters() { return parameters_; }
  const ParameterSet& parameters() const { return parameters_; }
  const ModelConfig& config() const { return config_; }
  std::int64_t frame_width() const { return encoder_->width(); }
  at::Device device() const { return device_; }

 private:
  at::Tensor embed(const at::Tensor& pooled) const;

  ModelConfig config_;
  at::Device device_;
  ParameterSet parameters_;
  std::unique_ptr<Encoder> encoder_;
  FlamWeights flam_;
  at::Tensor project_weight_, project_bias_, classify_weight_, classify_bias_;
};

// Throws E_ARGUMENT with a sentence for a configuration that no model can have.
void check_config(const ModelConfig& config);

// Matrix products in bf16 by autocast while it lives; does nothing for fp32.
class PrecisionScope {
 public:
  PrecisionScope(Precision precision, at::DeviceType device);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  at::DeviceType device_;
  bool active_, was_enabled_ = false;
};

}  // namespace ser
