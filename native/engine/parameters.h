// The trainable tensors of a model, by name, in one flat allocation: optimiser, clipping, moving average and (later) the
// exchange of gradients each touch one tensor instead of dozens.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "weights/safetensors.h"

namespace ser {

// How training treats a parameter.
struct Placement {
  bool trained = true;
  double rate = 1;  // factor on the learning rate
};

struct Parameter {
  std::string name;
  at::Tensor tensor;
  bool decay = false;  // weight decay applies: matrices and kernels, not biases, norms and score vectors
  Placement placement;
};

// A run of flat() whose parameters share decay and learning rate.
struct ParameterGroup {
  std::int64_t start = 0, length = 0;
  bool decay = false;
  double rate = 1;
};

// A tensor that training moves without a gradient: running statistics. A forward pass in training leaves the next value in
// `pending`; the optimiser takes it over only where it accepts the step.
struct Buffer {
  at::Tensor value, pending;
};

class ParameterSet {
 public:
  // Registers a tensor with its initial values and returns the handle that modules keep. One that is not trained has no
  // gradient, no moments and no place in flat().
  at::Tensor add(std::string name, at::Tensor initial, bool decay, Placement placement = {});

  Buffer add_buffer(std::string name, at::Tensor initial);

  // Moves all trained tensors into one flat float32 buffer on `device`, group by group, and the others there one by one; call
  // once, after the last add. Handles stay valid, views taken before do not.
  void flatten(at::Device device);

  const std::vector<Parameter>& all() const { return parameters_; }
  // Parameters and buffers: what a checkpoint of the model holds; only those that training changes with `trained_only`.
  NamedTensors named(const std::string& prefix = "", bool trained_only = false) const;
  // Views of `flat` (as long as flat()) under the trained parameters' names and shapes: moments and averages go by these.
  NamedTensors named_views(const at::Tensor& flat, const std::string& prefix) const;

  NamedTensors named_buffer_views(const at::Tensor& flat, const std::string& prefix) const;

  const at::Tensor& flat() const { return flat_; }
  const at::Tensor& buffers() const { return buffers_; }
  const at::Tensor& pending_buffers() const { return pending_; }
  const std::vector<ParameterGroup>& groups() const { return groups_; }
  std::int64_t count() const;
  std::int64_t trained_count() const;

  // Gives every tensor a gradient that is a view of one flat, zeroed buffer, into which backward passes add.
  at::Tensor attach_gradients();

 private:
  std::vector<Parameter> parameters_;
  std::vector<std::int64_t> starts_;
  std::vector<std::pair<std::string, Buffer>> named_buffers_;
  at::Tensor flat_, buffers_, pending_;
  std::vector<ParameterGroup> groups_;
};

// Draws initial values in a fixed order from a generator of the model's own; LibTorch's global generator is never touched.
class Initializer {
 public:
  explicit Initializer(std::uint64_t seed);
  // U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)): what PyTorch's linear and convolution layers start from.
  at::Tensor uniform(at::IntArrayRef shape, std::int64_t fan_in);
  at::Tensor zeros(at::IntArrayRef shape) const;
  at::Tensor ones(at::IntArrayRef shape) const;

 private:
  at::Generator generator_;
};

}  // namespace ser
