#include "engine/parameters.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

namespace ser {
namespace {

// Each tensor starts on a cache line, so vector loops over it are aligned.
constexpr std::int64_t kAlign = 16;

std::int64_t aligned(std::int64_t n) { return (n + kAlign - 1) / kAlign * kAlign; }

at::Tensor view_of(const at::Tensor& flat, std::int64_t start, const at::Tensor& like) {
  return flat.narrow(0, start, like.numel()).view(like.sizes());
}

}  // namespace

at::Tensor ParameterSet::add(std::string name, at::Tensor initial, bool decay, Placement placement) {
  initial.set_requires_grad(placement.trained);
  parameters_.push_back({std::move(name), initial, decay, placement});
  return initial;
}

Buffer ParameterSet::add_buffer(std::string name, at::Tensor initial) {
  Buffer buffer{initial, initial.clone()};
  named_buffers_.emplace_back(std::move(name), buffer);
  return buffer;
}

void ParameterSet::flatten(at::Device device) {
  starts_.assign(parameters_.size(), 0);
  groups_.clear();
  std::int64_t at = 0;
  for (std::size_t first = 0; first < parameters_.size(); ++first) {
    const Parameter& head = parameters_[first];
    const auto same = [&](const Parameter& other) {
      return other.placement.trained && other.decay == head.decay && other.placement.rate == head.placement.rate;
    };
    if (!head.placement.trained || std::any_of(parameters_.begin(), parameters_.begin() + first, same)) continue;
    const std::int64_t start = at;
    for (std::size_t i = first; i < parameters_.size(); ++i) {
      if (!same(parameters_[i])) continue;
      starts_[i] = at;
      at += aligned(parameters_[i].tensor.numel());
    }
    groups_.push_back({start, at - start, head.decay, head.placement.rate});
  }
  flat_ = at::zeros({at}, at::TensorOptions(at::kFloat).device(device));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor& tensor = parameters_[i].tensor;
    if (!parameters_[i].placement.trained) {
      if (tensor.device() != device) tensor.set_data(tensor.to(device));
      continue;
    }
    at::Tensor view = view_of(flat_, starts_[i], tensor);
    view.copy_(tensor.detach());
    tensor.set_data(view);
  }
  std::int64_t total = 0;
  for (const auto& [name, buffer] : named_buffers_) total += buffer.value.numel();
  buffers_ = at::zeros({total}, flat_.options());
  pending_ = at::zeros({total}, flat_.options());
  std::int64_t start = 0;
  for (auto& [name, buffer] : named_buffers_) {
    for (const auto& [tensor, flat] : {std::pair(&buffer.value, &buffers_), std::pair(&buffer.pending, &pending_)}) {
      at::Tensor view = view_of(*flat, start, *tensor);
      view.copy_(*tensor);
      tensor->set_data(view);
    }
    start += buffer.value.numel();
  }
}

NamedTensors ParameterSet::named(const std::string& prefix, bool trained_only) const {
  NamedTensors out;
  for (const Parameter& parameter : parameters_) {
    if (trained_only && !parameter.placement.trained) continue;
    out.emplace_back(prefix + parameter.name, parameter.tensor.detach());
  }
  for (const auto& [name, buffer] : named_buffers_) out.emplace_back(prefix + name, buffer.value);
  return out;
}

NamedTensors ParameterSet::named_buffer_views(const at::Tensor& flat, const std::string& prefix) const {
  NamedTensors out;
  std::int64_t start = 0;
  for (const auto& [name, buffer] : named_buffers_) {
    out.emplace_back(prefix + name, view_of(flat, start, buffer.value));
    start += buffer.value.numel();
  }
  return out;
}

NamedTensors ParameterSet::named_views(const at::Tensor& flat, const std::string& prefix) const {
  NamedTensors out;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].placement.trained) continue;
    out.emplace_back(prefix + parameters_[i].name, view_of(flat, starts_[i], parameters_[i].tensor));
  }
  return out;
}

std::int64_t ParameterSet::count() const {
  std::int64_t total = 0;
  for (const Parameter& parameter : parameters_) total += parameter.tensor.numel();
  return total;
}

std::int64_t ParameterSet::trained_count() const {
  std::int64_t total = 0;
  for (const Parameter& parameter : parameters_) total += parameter.placement.trained ? parameter.tensor.numel() : 0;
  return total;
}

at::Tensor ParameterSet::attach_gradients() {
  at::Tensor gradient = at::zeros_like(flat_);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].placement.trained) continue;
    at::Tensor& tensor = parameters_[i].tensor;
    tensor.mutable_grad() = view_of(gradient, starts_[i], tensor);
  }
  return gradient;
}

Initializer::Initializer(std::uint64_t seed) : generator_(at::detail::createCPUGenerator(seed)) {}

at::Tensor Initializer::uniform(at::IntArrayRef shape, std::int64_t fan_in) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
  return at::empty(shape, at::TensorOptions(at::kFloat)).uniform_(-bound, bound, generator_);
}

at::Tensor Initializer::zeros(at::IntArrayRef shape) const { return at::zeros(shape, at::TensorOptions(at::kFloat)); }
at::Tensor Initializer::ones(at::IntArrayRef shape) const { return at::ones(shape, at::TensorOptions(at::kFloat)); }

}  // namespace ser
