// AdamW over a model's flat parameters and the centers, with clipping and the skipping of bad updates decided on the device.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/engine.h"
#include "engine/parameters.h"
#include "train/device_adam.h"

namespace ser {

class Optimizer {
 public:
  // `centers` (C x E) is a leaf tensor with a learning rate of its own and no weight decay.
  Optimizer(ParameterSet& parameters, const at::Tensor& centers, const TrainerConfig& config);

  void zero_gradients();

  // Global norm of all gradients, a scalar float64 tensor on the device; to be read before the next call.
  at::Tensor gradient_norm() const;

  // One update, unless `bad` (a float32 scalar) is 1: then weights, moments, step count and average stay as they are. Nothing
  // waits for the device.
  void step(const at::Tensor& norm, const at::Tensor& bad, double learning_rate, double center_learning_rate);

  // The moving average, or the weights (and running statistics) where none is kept.
  const at::Tensor& average() const { return average_.defined() ? average_ : parameters_.flat(); }
  const at::Tensor& buffer_average() const { return buffer_average_.defined() ? buffer_average_ : parameters_.buffers(); }

  // Everything that a bit-exact resume needs besides the weights and centers, by name.
  NamedTensors state() const;

 private:
  void update(const at::Tensor& norm, const at::Tensor& bad, double learning_rate, double center_learning_rate);
  void update_buffers(const at::Tensor& bad);
  at::Tensor average_share(const at::Tensor& bad) const;

  ParameterSet& parameters_;
  at::Tensor centers_;
  TrainerConfig config_;
  at::Tensor gradient_, center_gradient_, first_moment_, second_moment_, center_first_, center_second_, steps_, average_,
      buffer_average_;
  std::vector<AdamGroup> groups_;
  std::unique_ptr<DeviceAdam> device_;  // where the parameters are on a CUDA device
};

}  // namespace ser
