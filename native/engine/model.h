// Encoder, pooling and classifier with their parameters: what a model handle names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "encoder/encoder.h"
#include "encoder/pretrained/pretrained_encoder.h"
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

  // Fills a pretrained encoder; returns the prefixes of tensors in the files that it has no use for.
  std::vector<std::string> load_pretrained(const std::vector<std::string>& files);
  // Takes trained weights by copy and frozen ones by reference from a model of the same shape, else E_SHAPE.
  void take_weights(const Model& base);

  // What a checkpoint of the model holds: everything, unless the whole pretrained encoder is frozen (or only adapters of it are
  // trained); then the encoder's own weights stay where they came from.
  NamedTensors checkpoint_tensors() const;
  void load_checkpoint(const std::string& path);

  // The pretrained encoder in float32 under transformers' names after `prefix`, adapters merged. E_ARGUMENT where there is none.
  NamedTensors encoder_tensors(const std::string& prefix) const;

  // Float32 in and out; products of matrices in bf16 where the caller has switched autocast on. A pretrained encoder that is
  // frozen as a whole runs as in inference, without its own dropout and masks.
  ModelOutput forward(const Waves& waves, const EncodeContext& context, bool contrast) const;
  // The same from the encoder's frames.
  ModelOutput forward(const Frames& frames, const EncodeContext& context, bool contrast) const;
  Frames encode(const Waves& waves, const EncodeContext& context) const;

  ParameterSet& parameters() { return parameters_; }
  const ParameterSet& parameters() const { return parameters_; }
  const ModelConfig& config() const { return config_; }
  // A pretrained encoder of which training changes nothing.
  bool encoder_frozen() const {
    return pretrained_ != nullptr && config_.adapt.trainable_layers == 0 && config_.adapt.lora_rank == 0;
  }
  std::int64_t frame_width() const { return encoder_->width(); }
  at::Device device() const { return device_; }

 private:
  at::Tensor embed(const at::Tensor& pooled) const;
  bool whole_in_checkpoint() const;

  ModelConfig config_;
  at::Device device_;
  ParameterSet parameters_;
  std::unique_ptr<Encoder> encoder_;
  PretrainedEncoder* pretrained_ = nullptr;  // encoder_, where it is one
  // A pretrained encoder starts with memory nobody has written.
  bool ready_ = true;
  FlamWeights flam_;
  at::Tensor project_weight_, project_bias_, classify_weight_, classify_bias_;
};

// A pretrained encoder by itself, frozen: what an encoder handle names.
class LoneEncoder {
 public:
  LoneEncoder(const EncoderConfig& config, const std::vector<std::string>& files, at::Device device);
  HiddenStates forward(const Waves& waves, bool all_states) const {
    return encoder_->hidden(waves, EncodeContext(), all_states);
  }
  std::int64_t width() const { return encoder_->width(); }

 private:
  ParameterSet parameters_;
  std::unique_ptr<PretrainedEncoder> encoder_;
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
