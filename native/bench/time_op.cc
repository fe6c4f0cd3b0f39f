#include "bench/time_op.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "bench/op_cases.h"
#include "bench/stopwatch.h"
#include "engine/model.h"

namespace ser {
namespace {

using Work = std::function<void()>;
constexpr double kLeastSeconds = 1e-3;
constexpr std::size_t kLeastSamples = 3;

// Largest difference as a share of the largest value.
double difference(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kDouble), y = b.detach().to(at::kDouble);
  return (x - y).abs().max().item<double>() / std::max(1e-30, y.abs().max().item<double>());
}

std::array<std::vector<double>, 2> in_turns(const std::array<Work, 2>& works, const OpRequest& request, const Stopwatch& watch,
                                            const std::atomic<bool>& cancelled) {
  std::array<std::int64_t, 2> times{};
  for (int i = 0; i < 2; ++i) times[i] = watch.runs_for(works[i], kLeastSeconds);
  std::array<std::vector<double>, 2> out;
  double spent = 0;
  for (std::int64_t turn = 0; turn < request.repeats; ++turn) {
    if (spent > request.seconds && out[0].size() >= kLeastSamples) break;
    for (int i = 0; i < 2; ++i) {
      if (cancelled.load(std::memory_order_relaxed)) throw Error("E_CANCELLED", "cancelled");
      out[i].push_back(watch.time(works[i], times[i]));
      spent += out[i].back() * static_cast<double>(times[i]);
    }
  }
  return out;
}

}  // namespace

OpTiming time_op(const OpRequest& request, at::Device device, const std::atomic<bool>& cancelled) {
  const OpCase op = make_op_case(request.name, request.lengths, request.precision, device);
  const Stopwatch watch(device);
  const PrecisionScope scope(request.precision, device.type());
  const at::AutoGradMode gradients(!op.inputs.empty());
  OpTiming timing;
  timing.shape = op.shape;
  const std::array<at::Tensor, 2> results{op.own(), op.plain()};
  timing.difference = op.comparable ? difference(results[0], results[1]) : std::numeric_limits<double>::quiet_NaN();
  auto forward = in_turns({[&] { op.own(); }, [&] { op.plain(); }}, request, watch, cancelled);
  timing.own_forward = std::move(forward[0]);
  timing.plain_forward = std::move(forward[1]);
  if (op.inputs.empty()) return timing;
  const auto backward_of = [&](int i) -> Work {
    const at::Tensor upstream = at::ones_like(results[i]);
    return [&op, &results, i, upstream] { torch::autograd::grad({results[i]}, op.inputs, {upstream}, /*retain_graph=*/true); };
  };
  auto backward = in_turns({backward_of(0), backward_of(1)}, request, watch, cancelled);
  timing.own_backward = std::move(backward[0]);
  timing.plain_backward = std::move(backward[1]);
  return timing;
}

}  // namespace ser
