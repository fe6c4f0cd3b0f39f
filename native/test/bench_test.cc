#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>

#include "bench/op_cases.h"
#include "bench/plain_ops.h"
#include "bench/roofline.h"
#include "bench/stopwatch.h"
#include "bench/time_op.h"
#include "engine/model.h"
#include "test/check.h"

namespace {

const std::vector<std::int64_t> kLengths{16000, 9000, 12345, 400};

double gap(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kDouble), y = b.detach().to(at::kDouble);
  return (x - y).abs().max().item<double>() / std::max(1e-30, y.abs().max().item<double>());
}

// Both implementations of every case compute the same: otherwise their times could not be compared.
void cases_agree() {
  for (const std::string& name : ser::op_names()) {
    const ser::OpCase op = ser::make_op_case(name, kLengths, ser::Precision::fp32, at::kCPU);
    if (!op.comparable) continue;
    const at::AutoGradMode gradients(!op.inputs.empty());
    const at::Tensor own = op.own(), plain = op.plain();
    SER_CHECK(own.sizes() == plain.sizes(), name + ": results of one shape");
    SER_CHECK_WITHIN(gap(own, plain), 1e-5, name + ": values");
    if (op.inputs.empty()) continue;
    const at::Tensor upstream = at::randn(own.sizes());
    const auto a = torch::autograd::grad({own}, op.inputs, {upstream}),
               b = torch::autograd::grad({plain}, op.inputs, {upstream});
    double most = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      // A bias before a normalisation has a gradient of nothing but rounding.
      if (b[i].abs().max().item<double>() < 1e-3) continue;
      most = std::max(most, gap(a[i], b[i]));
    }
    SER_CHECK_WITHIN(most, 5e-5, name + ": gradients");
  }
}

// Forward and backward, as time_op runs them.
void cases_run_in_bf16() {
  for (const std::string& name : ser::op_names()) {
    const ser::OpCase op = ser::make_op_case(name, kLengths, ser::Precision::bf16, at::kCPU);
    const ser::PrecisionScope scope(ser::Precision::bf16, at::kCPU);
    const at::AutoGradMode gradients(!op.inputs.empty());
    const at::Tensor own = op.own(), plain = op.plain();
    if (op.comparable) SER_CHECK_WITHIN(gap(own, plain), 3e-2, name + " in bf16: values");
    for (const at::Tensor& result : {own, plain}) {
      if (op.inputs.empty()) break;
      bool finite = true;
      for (const at::Tensor& gradient : torch::autograd::grad({result}, op.inputs, {at::ones_like(result)}))
        finite = finite && at::isfinite(gradient).all().item<bool>();
      SER_CHECK(finite, name + " in bf16: finite gradients");
    }
  }
}

void plain_loss_is_the_composite() {
  ser::MultiLossInput in;
  const at::TensorOptions wide(at::kDouble);
  in.logits = at::randn({9, 4}, wide).requires_grad_();
  in.embedding = at::randn({9, 6}, wide).requires_grad_();
  in.contrast = at::randn({9, 6}, wide).requires_grad_();
  in.centers = at::randn({4, 6}, wide).requires_grad_();
  in.labels = at::softmax(at::randn({9, 4}, wide), 1);
  in.base_classes = at::arange(9, at::kLong) % 4;
  const std::vector<at::Tensor> inputs{in.logits, in.embedding, in.contrast, in.centers};
  const at::Tensor plain = ser::plain_multi_loss(in, {}), composite = ser::multi_loss_composite(in, {}).total;
  SER_CHECK_WITHIN(gap(plain, composite), 1e-13, "plain losses against the composite, float64");
  const auto a = torch::autograd::grad({plain}, inputs), b = torch::autograd::grad({composite}, inputs);
  for (std::size_t i = 0; i < a.size(); ++i) SER_CHECK_WITHIN(gap(a[i], b[i]), 1e-11, "their gradients");
}

void time_is_told() {
  const ser::Stopwatch watch(at::kCPU);
  const auto nap = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  const double seconds = watch.time(nap, 3);
  SER_CHECK(seconds >= 0.02 && seconds < 1, "three naps of 20 ms take 20 ms each or a little more");
  SER_CHECK(watch.runs_for(nap, 0.05) <= 3, "few runs of long work");
  SER_CHECK(watch.runs_for([] {}, 0.05) == 1000, "many runs of short work");
}

void rates_are_possible() {
  const std::atomic<bool> cancelled{false};
  const ser::DeviceRates rates = ser::measure_device(at::kCPU, {ser::Precision::fp32}, 0.2, cancelled);
  SER_CHECK(rates.copy_seconds.size() >= 3 && rates.products.size() == 6, "copies, and three shapes in two ways");
  for (const ser::ProductRate& rate : rates.products) {
    const double flops = 2.0 * static_cast<double>(rate.rows * rate.inner * rate.columns);
    for (const double seconds : rate.seconds)
      SER_CHECK(flops / seconds > 1e8 && flops / seconds < 1e14, rate.way + ": between 0.1 GFLOP/s and 100 TFLOP/s");
  }
  const std::atomic<bool> stop{true};
  SER_CHECK_ERROR(ser::measure_device(at::kCPU, {ser::Precision::fp32}, 1, stop), "E_CANCELLED", "cancelled");
}

void an_op_is_timed() {
  const std::atomic<bool> cancelled{false};
  ser::OpRequest request{"multi-loss", kLengths, ser::Precision::fp32, 5, 10};
  const ser::OpTiming timing = ser::time_op(request, at::kCPU, cancelled);
  SER_CHECK(timing.own_forward.size() == 5 && timing.plain_backward.size() == 5, "as many samples as asked for");
  SER_CHECK_WITHIN(timing.difference, 1e-5, "and the results agree");
  request.seconds = 1e-6;
  SER_CHECK(ser::time_op(request, at::kCPU, cancelled).own_forward.size() == 3, "three where time is short");
  request.name = "log-mel";
  SER_CHECK(ser::time_op(request, at::kCPU, cancelled).own_backward.empty(), "no gradient, no backward pass");
  request.name = "nothing";
  SER_CHECK_ERROR(ser::time_op(request, at::kCPU, cancelled), "E_ARGUMENT", "nothing");
}

}  // namespace

int main() {
  cases_agree();
  cases_run_in_bf16();
  plain_loss_is_the_composite();
  time_is_told();
  rates_are_possible();
  an_op_is_timed();
  return ser::test::finish("bench");
}
