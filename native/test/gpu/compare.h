// Runs an operation on the CPU and on the GPU with the same numbers, and compares results and gradients.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/cuda_devices.h"
#include "test/check.h"

namespace ser::test {

// Exit status of a test that had nothing to test on: ctest calls it skipped.
inline constexpr int kSkipped = 77;

// The GPU to test on; where there is none, says so.
inline std::optional<at::Device> gpu(const char* name) {
  const CudaReport report = cuda_report();
  if (report.chosen) return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(*report.chosen));
  std::printf("%s: skipped, %s\n", name, report.problem.c_str());
  return std::nullopt;
}

using Tensors = std::vector<at::Tensor>;
// Takes inputs on a device; returns what to compare, all on that device. Undefined results and gradients are left out.
using Operation = std::function<Tensors(const Tensors& inputs)>;

inline at::Tensor upstream_for(const at::Tensor& y, std::size_t index) {
  // The same on every device, and not all ones: sums of a gradient hide a permuted one.
  const at::Tensor places = at::arange(y.numel(), at::TensorOptions(at::kDouble));
  return ((places * 0.7 + static_cast<double>(index)).sin() + 0.3).view(y.sizes());
}

struct Outcome {
  Tensors values, gradients;
};

inline Outcome run(const Tensors& inputs, const Operation& work, at::Device device) {
  Tensors leaves;
  for (const at::Tensor& input : inputs) {
    at::Tensor leaf = input.detach().to(device);
    if (input.requires_grad()) leaf = leaf.clone().set_requires_grad(true);
    leaves.push_back(leaf);
  }
  Outcome out;
  Tensors wanted, results, upstream;
  for (const at::Tensor& leaf : leaves) {
    if (leaf.requires_grad()) wanted.push_back(leaf);
  }
  const Tensors values = work(leaves);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i].defined()) continue;
    out.values.push_back(values[i].detach().to(at::kCPU, at::kDouble));
    if (!values[i].requires_grad()) continue;
    results.push_back(values[i]);
    upstream.push_back(upstream_for(values[i], i).to(values[i].options()));
  }
  if (wanted.empty() || results.empty()) return out;
  const Tensors gradients = torch::autograd::grad(results, wanted, upstream, std::nullopt, false, /*allow_unused=*/true);
  for (const at::Tensor& gradient : gradients) {
    if (gradient.defined()) out.gradients.push_back(gradient.to(at::kCPU, at::kDouble));
  }
  return out;
}

// Largest difference as a share of the largest value; NaN where one of the two has one.
inline double distance(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes()) return INFINITY;
  if (expected.numel() == 0) return 0;
  const double largest = expected.abs().max().item<double>();
  return (found - expected).abs().max().item<double>() / std::max(largest, 1e-12);
}

// `limit` of values, three times that of gradients, which sum over more.
inline void compare(const std::string& name, at::Device device, const Tensors& inputs, const Operation& work, double limit) {
  try {
    const Outcome cpu = run(inputs, work, at::kCPU), own = run(inputs, work, device), again = run(inputs, work, device);
    SER_CHECK(cpu.values.size() == own.values.size() && cpu.gradients.size() == own.gradients.size(),
              name + ": as many results and gradients");
    double values = 0, gradients = 0;
    bool same = true;
    for (std::size_t i = 0; i < own.values.size(); ++i) {
      values = std::max(values, distance(own.values[i], cpu.values[i]));
      if (std::isnan(distance(own.values[i], cpu.values[i]))) values = NAN;
      same = same && own.values[i].equal(again.values[i]);
    }
    for (std::size_t i = 0; i < own.gradients.size(); ++i) {
      gradients = std::max(gradients, distance(own.gradients[i], cpu.gradients[i]));
      if (std::isnan(distance(own.gradients[i], cpu.gradients[i]))) gradients = NAN;
      same = same && own.gradients[i].equal(again.gradients[i]);
    }
    SER_CHECK_WITHIN(values, limit, name + ", values");
    if (!own.gradients.empty()) SER_CHECK_WITHIN(gradients, 3 * limit, name + ", gradients");
    SER_CHECK(same, name + ": bit for bit the same a second time");
  } catch (const std::exception& error) {
    SER_CHECK(false, name + ": " + error.what());
  }
}

}  // namespace ser::test
