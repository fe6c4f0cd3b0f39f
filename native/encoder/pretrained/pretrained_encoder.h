// Encoders whose weights come from a Hugging Face checkpoint: what they have in common.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "encoder/encoder.h"
#include "weights/safetensors.h"

namespace ser {

// Outputs of the layers, packed (sum(T) x D), as transformers 5 counts hidden states: states[0] enters the first layer, states[n]
// leaves layer n; the last one is taken before a final norm (pre-norm models; of Whisper, transformers has it after), `last` after
// it.
struct HiddenStates {
  std::vector<at::Tensor> states;  // N + 1, or empty unless asked for
  at::Tensor last;
  SegmentsPtr segments;
};

// A place that a tensor of the checkpoint fills: under `name`, as transformers writes it and without the model's prefix
// ("encoder.layers.0.fc1.weight"); `tensor` is a view of a parameter, so that q, k and v may fill parts of one.
struct CheckpointTarget {
  std::string name;
  at::Tensor tensor;
  // Other spellings of the same tensor, of the same shape (weight norm has two).
  std::vector<std::string> aliases;
};

class PretrainedEncoder : public Encoder {
 public:
  virtual HiddenStates hidden(const Waves& waves, const EncodeContext& context, bool all_states) const = 0;

  // All that a checkpoint must hold, each exactly once. Valid after ParameterSet::flatten().
  std::vector<CheckpointTarget> checkpoint_targets() const { return targets(/*merged=*/false); }

  // What a checkpoint of the encoder as it computes now holds: the same names, float32, adapters added to what they adapt.
  NamedTensors export_tensors() const;

  // Names (or prefixes ending in ".") that a checkpoint may hold beside the targets: decoders, heads, masks of pretraining.
  virtual std::vector<std::string> ignored_tensors() const = 0;

  // The last layer's output, or the learned sum over all hidden states, as the configuration says.
  Frames forward(const Waves& waves, const EncodeContext& context) const final;

 protected:
  // `merged`: weights with their adapters' products, which are then no views of parameters.
  virtual std::vector<CheckpointTarget> targets(bool merged) const = 0;

  // Registers the learned sum's weights "encoder.layer_mix" (N + 1 zeros: a plain mean) where `adapt` asks for one. Call last.
  void add_layer_mix(const AdaptConfig& adapt, std::int64_t layers, ParameterSet& parameters, Initializer& initializer);

 private:
  at::Tensor layer_mix_;
};

// How a parameter of layer `layer` (0 = the first; -1 = what lies before the layers; `layers` = what lies after) is placed
// under `adapt`: frozen or trained, and at which share of the learning rate.
Placement place_layer(const AdaptConfig& adapt, std::int64_t layer, std::int64_t layers);

// Registers the encoder's tensors in `parameters` under names starting with "encoder.", uninitialised but for adapters: weights
// come from a checkpoint.
std::unique_ptr<PretrainedEncoder> make_whisper_encoder(const WhisperEncoderConfig& config, const AdaptConfig& adapt,
                                                        ParameterSet& parameters, Initializer& initializer);
std::unique_ptr<PretrainedEncoder> make_ssl_encoder(const SslEncoderConfig& config, const AdaptConfig& adapt,
                                                    ParameterSet& parameters, Initializer& initializer);

}  // namespace ser
