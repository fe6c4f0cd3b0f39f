#include "loss/multi/multi_loss.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine/cuda_devices.h"
#include "test/check.h"

namespace {

using ser::MultiLossInput;
using ser::MultiLossOptions;

MultiLossInput make_input(std::int64_t batch, std::int64_t classes, at::ScalarType type, std::uint64_t seed,
                          double spread = 2) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const auto normal = [&](std::int64_t rows, std::int64_t columns) {
    return at::randn({rows, columns}, generator, at::TensorOptions(at::kDouble)).to(type);
  };
  MultiLossInput in;
  in.logits = (normal(batch, classes) * spread).requires_grad_();
  in.embedding = (normal(batch, 6) * 0.4).requires_grad_();
  in.contrast = normal(batch, 6).requires_grad_();
  in.centers = (normal(classes, 6) * 0.4).requires_grad_();
  in.base_classes = at::randint(classes, {batch}, generator, at::TensorOptions(at::kLong));
  in.labels = at::zeros({batch, classes}, at::TensorOptions(type)).scatter_(1, in.base_classes.unsqueeze(1), 1);
  for (std::int64_t i = 0; i < batch; i += 2) {  // half of the rows carry a soft label, some of them a tie
    const double lambda = i % 4 == 0 ? 0.5 : 0.2;
    in.labels[i].mul_(1 - lambda);
    in.labels[i][(in.base_classes[i].item<std::int64_t>() + classes - 1) % classes].add_(lambda);
  }
  return in;
}

std::vector<at::Tensor> gradients(const at::Tensor& total, const MultiLossInput& in) {
  std::vector<at::Tensor> inputs{in.logits, in.embedding, in.centers};
  if (in.contrast.defined()) inputs.push_back(in.contrast);
  auto found = torch::autograd::grad({total}, inputs, {}, {}, false, /*allow_unused=*/true);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i].defined()) found[i] = at::zeros_like(inputs[i]);
  }
  return found;
}

double worst(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double scale = std::max(1.0, b[i].abs().max().item<double>());
    const double error = (a[i].to(at::kDouble) - b[i].to(at::kDouble)).abs().max().item<double>() / scale;
    if (!(error <= most)) most = error;
  }
  return most;
}

void against_composite(std::int64_t batch, std::int64_t classes, const MultiLossOptions& options, const std::string& name,
                       bool weighted = false) {
  MultiLossInput in = make_input(batch, classes, at::kDouble, 7 + static_cast<std::uint64_t>(batch));
  if (weighted) in.class_weights = at::arange(classes, at::TensorOptions(at::kDouble)) * 0.7;  // the first class counts nothing
  const auto fused = ser::multi_loss(in, options);
  const auto plain = ser::multi_loss_composite(in, options);
  SER_CHECK_WITHIN(worst({fused.components, fused.total}, {plain.components, plain.total}), 1e-12,
                   name + ", values against the composite");
  SER_CHECK_WITHIN(worst(gradients(fused.total, in), gradients(plain.total, in)), 1e-11, name + ", gradients against autograd");
}

void against_finite_differences() {
  MultiLossOptions options;
  MultiLossInput in = make_input(9, 4, at::kDouble, 3);
  in.class_weights = at::tensor({0.5, 1.0, 0.0, 2.5}, at::kDouble);
  const auto analytic = gradients(ser::multi_loss(in, options).total, in);
  const at::Tensor* inputs[] = {&in.logits, &in.embedding, &in.centers, &in.contrast};
  double most = 0;
  at::AutoGradMode off(false);
  for (int k = 0; k < 4; ++k) {
    at::Tensor flat = inputs[k]->detach().view({-1});
    const at::Tensor expected = analytic[k].reshape({-1});
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
      const double value = flat[i].item<double>(), step = 1e-5;
      flat[i].fill_(value + step);
      const double above = ser::multi_loss(in, options).total.item<double>();
      flat[i].fill_(value - step);
      const double below = ser::multi_loss(in, options).total.item<double>();
      flat[i].fill_(value);
      most = std::max(most, std::abs((above - below) / (2 * step) - expected[i].item<double>()));
    }
  }
  SER_CHECK_WITHIN(most, 1e-8, "gradients against central differences in float64");
}

void single_precision() {
  MultiLossOptions options;
  const MultiLossInput in = make_input(64, 8, at::kFloat, 5);
  MultiLossInput wide = in;
  wide.logits = in.logits.detach().to(at::kDouble).requires_grad_();
  wide.embedding = in.embedding.detach().to(at::kDouble).requires_grad_();
  wide.contrast = in.contrast.detach().to(at::kDouble).requires_grad_();
  wide.centers = in.centers.detach().to(at::kDouble).requires_grad_();
  wide.labels = in.labels.to(at::kDouble);
  const auto narrow_out = ser::multi_loss(in, options);
  const auto wide_out = ser::multi_loss(wide, options);
  SER_CHECK_WITHIN(worst({narrow_out.total}, {wide_out.total}), 2e-7, "float32 total against float64");
  SER_CHECK_WITHIN(worst(gradients(narrow_out.total, in), gradients(wide_out.total, wide)), 2e-7,
                   "float32 gradients against float64");
}

void edges() {
  MultiLossOptions options;
  for (const std::int64_t batch : {1, 2}) {
    const MultiLossInput in = make_input(batch, 4, at::kDouble, 11);
    const auto out = ser::multi_loss(in, options);
    bool finite = at::isfinite(out.components).all().item<bool>();
    for (const at::Tensor& g : gradients(out.total, in)) finite = finite && at::isfinite(g).all().item<bool>();
    SER_CHECK(finite, "a batch of " + std::to_string(batch) + " is finite");
    SER_CHECK(out.components[7].item<double>() == 0, "a batch of " + std::to_string(batch) + " has no scaled SupCon term");
  }
  MultiLossInput lonely = make_input(4, 4, at::kDouble, 13);
  lonely.base_classes = at::arange(4, at::kLong);
  lonely.labels = at::eye(4, at::TensorOptions(at::kDouble));
  const auto out = ser::multi_loss(lonely, options);
  SER_CHECK(out.components[3].item<double>() == 0, "no positives: SupCon is 0");
  SER_CHECK(gradients(out.total, lonely)[3].abs().max().item<double>() == 0, "no positives: no SupCon gradient");

  MultiLossInput sure = make_input(3, 3, at::kFloat, 17, 0);
  sure.logits = (at::eye(3, at::TensorOptions(at::kFloat)) * 200).requires_grad_();
  options.gamma = 0.5;
  const auto extreme = ser::multi_loss(sure, options);
  SER_CHECK(at::isfinite(gradients(extreme.total, sure)[0]).all().item<bool>(), "logits of +-200 and gamma 0.5 stay finite");

  const at::Tensor labels = at::tensor({0.5, 0.5, 0.0}, at::kDouble).view({1, 3});
  SER_CHECK(ser::dominant_classes(labels, at::tensor({1}, at::kLong)).item<std::int64_t>() == 1,
            "a tie goes to the base's class");
  SER_CHECK(ser::dominant_classes(labels, at::tensor({2}, at::kLong)).item<std::int64_t>() == 0,
            "the larger label wins over the base's class");
}

// The fused kernel, where there is a GPU to run it: against the operations in float64 on the CPU, twice for the same bits.
void on_a_gpu() {
  const auto chosen = ser::cuda_report().chosen;
  if (!chosen) {
    std::printf("  skipped: the fused kernel on a GPU, %s\n", ser::cuda_report().problem.c_str());
    return;
  }
  const at::Device device(at::kCUDA, static_cast<at::DeviceIndex>(*chosen));
  for (const std::int64_t batch : {1, 2, 32, 256, 257, 700}) {
    const MultiLossInput in = make_input(batch, 5, at::kFloat, 19);
    MultiLossInput wide = in, there = in;
    for (at::Tensor MultiLossInput::* member : {&MultiLossInput::logits, &MultiLossInput::embedding, &MultiLossInput::contrast,
                                                &MultiLossInput::centers, &MultiLossInput::labels}) {
      const bool trained = member != &MultiLossInput::labels;
      wide.*member = (in.*member).detach().to(at::kDouble).requires_grad_(trained);
      there.*member = (in.*member).detach().to(device).requires_grad_(trained);
    }
    there.base_classes = in.base_classes.to(device);
    const auto expected = ser::multi_loss(wide, {});
    const auto found = ser::multi_loss(there, {}), again = ser::multi_loss(there, {});
    const auto back = [](std::vector<at::Tensor> tensors) {
      for (at::Tensor& tensor : tensors) tensor = tensor.cpu();
      return tensors;
    };
    const auto d_found = back(gradients(found.total, there)), d_again = back(gradients(again.total, there));
    const std::string name = "on a GPU, " + std::to_string(batch) + " rows";
    SER_CHECK_WITHIN(worst(back({found.total, found.components}), {expected.total, expected.components}), 1e-6,
                     name + ": values");
    SER_CHECK_WITHIN(worst(d_found, gradients(expected.total, wide)), 1e-6, name + ": gradients");
    bool same = found.total.equal(again.total);
    for (std::size_t k = 0; k < d_found.size(); ++k) same = same && d_found[k].equal(d_again[k]);
    SER_CHECK(same, name + ": the same bits again");
  }
}

}  // namespace

int main() {
  MultiLossOptions options;
  against_composite(12, 5, options, "four losses");
  against_composite(700, 3, options, "more rows than a tile");
  for (const auto& [name, weights] :
       std::initializer_list<std::pair<const char*, ser::LossWeights>>{{"KL alone", {1, 0, 0, 0}},
                                                                       {"focal alone", {0, 1, 0, 0}},
                                                                       {"center alone", {0, 0, 1, 0}},
                                                                       {"SupCon alone", {0, 0, 0, 1}}}) {
    options.weights = weights;
    against_composite(10, 4, options, name);
  }
  options.weights = {0.3, 2, 0.7, 1.5};
  options.gamma = 1;
  against_composite(16, 8, options, "uneven weights, gamma 1");
  options.gamma = 0;
  against_composite(16, 8, options, "gamma 0");
  options.gamma = 2;
  against_composite(16, 8, options, "class weights", /*weighted=*/true);
  against_finite_differences();
  single_precision();
  edges();
  on_a_gpu();
  return ser::test::finish("multi_loss");
}
