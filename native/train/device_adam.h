// The optimiser's arithmetic on a CUDA device, by the fused kernels; only a build with CUDA has it.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "engine/engine.h"

namespace ser {

// Float32 tensors of the same size that lie flat, with what they share.
struct AdamGroup {
  at::Tensor value, gradient, first_moment, second_moment;
  at::Tensor average;  // undefined = none
  double decay = 0, rate = 1;
  bool is_center = false;
};

class DeviceAdam {
 public:
  virtual ~DeviceAdam() = default;

  // Global norm of all gradients: a float64 scalar on the device, written anew at every call.
  virtual at::Tensor norm() = 0;
  // Learning rates of the updates to come. Not part of update(), so that a recorded update reads new ones.
  virtual void set_rates(double learning_rate, double center_learning_rate) = 0;
  // As Optimizer::step() for the groups: `bad` (float32 scalar) not 0 leaves everything as it is.
  virtual void update(const at::Tensor& norm, const at::Tensor& bad) = 0;
};

// The groups' tensors and `steps` (a float32 scalar) must live at the same addresses as long as the result.
std::unique_ptr<DeviceAdam> make_device_adam(const std::vector<AdamGroup>& groups, const at::Tensor& steps,
                                             const TrainerConfig& config);

}  // namespace ser
