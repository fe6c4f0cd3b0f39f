#include "encoder/pretrained/pretrained_encoder.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/softmax.h>

#include <cmath>

namespace ser {

Frames PretrainedEncoder::forward(const Waves& waves, const EncodeContext& context) const {
  const HiddenStates hidden_states = hidden(waves, context, layer_mix_.defined());
  if (!layer_mix_.defined()) return {hidden_states.last, hidden_states.segments};
  const at::Tensor share = at::softmax(layer_mix_, 0);
  at::Tensor sum = at::mul(hidden_states.states[0], share.select(0, 0));
  for (std::size_t n = 1; n < hidden_states.states.size(); ++n) {
    sum = at::addcmul(sum, hidden_states.states[n], share.select(0, static_cast<std::int64_t>(n)));
  }
  return {sum, hidden_states.segments};
}

NamedTensors PretrainedEncoder::export_tensors() const {
  const at::NoGradGuard no_grad;
  NamedTensors out;
  for (const CheckpointTarget& target : targets(/*merged=*/true)) out.emplace_back(target.name, target.tensor.to(at::kFloat));
  return out;
}

void PretrainedEncoder::add_layer_mix(const AdaptConfig& adapt, std::int64_t layers, ParameterSet& parameters,
                                      Initializer& initializer) {
  if (adapt.layer_sum) layer_mix_ = parameters.add("encoder.layer_mix", initializer.zeros({layers + 1}), false);
}

Placement place_layer(const AdaptConfig& adapt, std::int64_t layer, std::int64_t layers) {
  Placement placement;
  placement.rate = adapt.rate * std::pow(adapt.layer_decay, static_cast<double>(layers - layer));
  // Adapters stand in for the weights that they adapt.
  if (adapt.lora_rank > 0) {
    placement.trained = false;
  } else if (adapt.trainable_layers >= 0) {
    placement.trained = adapt.trainable_layers > 0 && layer >= 0 && layer >= layers - adapt.trainable_layers;
  }
  return placement;
}

}  // namespace ser
