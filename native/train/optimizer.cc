#include "train/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace ser {

Optimizer::Optimizer(ParameterSet& parameters, const at::Tensor& centers, const TrainerConfig& config)
    : parameters_(parameters), centers_(centers), config_(config) {
  const at::Tensor& flat = parameters.flat();
  gradient_ = parameters.attach_gradients();
  center_gradient_ = at::zeros_like(centers.detach());
  centers_.mutable_grad() = center_gradient_;
  first_moment_ = at::zeros_like(flat);
  second_moment_ = at::zeros_like(flat);
  center_first_ = at::zeros_like(center_gradient_);
  center_second_ = at::zeros_like(center_gradient_);
  steps_ = at::zeros({}, flat.options());
  if (config.average_decay > 0) {
    average_ = flat.clone();
    buffer_average_ = parameters.buffers().clone();
  }
  for (const ParameterGroup& group : parameters.groups()) {
    const auto part = [&](const at::Tensor& whole) { return whole.narrow(0, group.start, group.length); };
    groups_.push_back({part(flat), part(gradient_), part(first_moment_), part(second_moment_),
                       average_.defined() ? part(average_) : at::Tensor(), group.decay ? config.weight_decay : 0, group.rate,
                       false});
  }
  groups_.push_back({centers_.detach(), center_gradient_, center_first_, center_second_, {}, 0, 1, true});
#ifdef SER_CUDA
  if (flat.is_cuda()) device_ = make_device_adam(groups_, steps_, config);
#endif
}

void Optimizer::zero_gradients() {
  gradient_.zero_();
  center_gradient_.zero_();
}

at::Tensor Optimizer::gradient_norm() const {
  if (device_) return device_->norm();
  const at::Tensor own = at::linalg_vector_norm(gradient_, 2, at::OptionalIntArrayRef(), false, at::kDouble);
  const at::Tensor center = at::linalg_vector_norm(center_gradient_, 2, at::OptionalIntArrayRef(), false, at::kDouble);
  return (own * own + center * center).sqrt();
}

void Optimizer::step(const at::Tensor& norm, const at::Tensor& bad, double learning_rate, double center_learning_rate) {
  at::NoGradGuard no_grad;
  if (device_) {
    device_->set_rates(learning_rate, center_learning_rate);
    device_->update(norm, bad);
  } else {
    update(norm, bad, learning_rate, center_learning_rate);
  }
  update_buffers(bad);
}

void Optimizer::update(const at::Tensor& norm, const at::Tensor& bad, double learning_rate, double center_learning_rate) {
  // The fused kernel divides gradients by this scale: clipping without a pass of its own.
  const at::Tensor scale = config_.clip > 0 ? ((norm + 1e-6) / config_.clip).clamp_min(1).to(at::kFloat) : at::ones_like(bad);
  steps_.add_(1 - bad);
  for (AdamGroup& group : groups_) {
    at::_fused_adamw_({group.value}, {group.gradient}, {group.first_moment}, {group.second_moment}, {}, {steps_},
                      group.is_center ? center_learning_rate : learning_rate * group.rate, config_.beta1, config_.beta2,
                      group.decay, config_.epsilon,
                      /*amsgrad=*/false, /*maximize=*/false, scale, bad);
  }
  if (average_.defined()) average_.lerp_(parameters_.flat(), average_share(bad));
}

// Of the weights in their moving average. The decay grows from 0.1 so that the first average is not the random start (as in
// TensorFlow's ExponentialMovingAverage).
at::Tensor Optimizer::average_share(const at::Tensor& bad) const {
  const at::Tensor decay =
      at::minimum((steps_ + 1) / (steps_ + 10), at::scalar_tensor(config_.average_decay, steps_.options()));
  return (1 - decay) * (1 - bad);
}

void Optimizer::update_buffers(const at::Tensor& bad) {
  at::Tensor buffers = parameters_.buffers();
  if (buffers.numel() == 0) return;
  // Not an interpolation: the pending statistics of a bad step may be NaN, and NaN times 0 is NaN.
  buffers.copy_(at::where(bad.to(at::kBool), buffers, parameters_.pending_buffers()));
  if (average_.defined()) buffer_average_.lerp_(buffers, average_share(bad));
}

NamedTensors Optimizer::state() const {
  NamedTensors out = parameters_.named_views(first_moment_, "first_moment.");
  const auto append = [&](NamedTensors more) { out.insert(out.end(), more.begin(), more.end()); };
  append(parameters_.named_views(second_moment_, "second_moment."));
  if (average_.defined()) {
    append(parameters_.named_views(average_, "average."));
    append(parameters_.named_buffer_views(buffer_average_, "average."));
  }
  append({{"centers", centers_.detach()},
          {"first_moment.centers", center_first_},
          {"second_moment.centers", center_second_},
          {"steps", steps_}});
  return out;
}

}  // namespace ser
