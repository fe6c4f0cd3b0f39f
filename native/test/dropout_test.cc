#include "engine/dropout.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include "test/check.h"

namespace {

at::Tensor ones(std::int64_t rows, std::int64_t width) { return at::ones({rows, width}, at::TensorOptions(at::kFloat)); }

void statistics(double p) {
  const auto segments = ser::make_segments({1000, 3000}, {17, 23});
  const at::Tensor y = ser::dropout(ones(4000, 144), p, {5, 6, 7}, segments);
  const double zeros = y.eq(0).to(at::kDouble).mean().item<double>();
  const double limit = 5 * std::sqrt(p * (1 - p) / static_cast<double>(y.numel()));
  SER_CHECK_WITHIN(std::abs(zeros - p), limit + 1.0 / 131072, "share of zeros at p = " + ser::test::figure(p));
  SER_CHECK_WITHIN(std::abs(y.mean(at::kDouble).item<double>() - 1), 2 * limit / (1 - p), "mean is kept");
  // Neighbours along a row, along a column and half a block away must not know of each other.
  const at::Tensor kept = y.gt(0).to(at::kDouble) - (1 - p);
  for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{0, 1}, {1, 0}, {0, 16}, {0, 64}, {0, 128}}) {
    const at::Tensor a = kept.narrow(0, rows, 4000 - rows).narrow(1, columns, 144 - columns);
    const at::Tensor b = kept.narrow(0, 0, 4000 - rows).narrow(1, 0, 144 - columns);
    const double correlation = (a * b).mean().item<double>() / (p * (1 - p));
    SER_CHECK_WITHIN(std::abs(correlation), 5 / std::sqrt(static_cast<double>(a.numel())),
                     "no correlation at distance (" + std::to_string(rows) + ", " + std::to_string(columns) + ")");
  }
}

void independence(bool shared) {
  const std::string kind = shared ? "shared: " : "";
  ser::DropoutKey key{1, 2, 3, shared};
  const at::Tensor whole = ser::dropout(ones(60, 33), 0.3, key, ser::make_segments({10, 20, 30}, {7, 8, 9}));
  const at::Tensor alone = ser::dropout(ones(20, 33), 0.3, key, ser::make_segments({20}, {8}));
  SER_CHECK(at::equal(whole.narrow(0, 10, 20), alone), kind + "an utterance's mask does not depend on its batch");
  const at::Tensor turned = ser::dropout(ones(60, 33), 0.3, key, ser::make_segments({30, 20, 10}, {9, 8, 7}));
  SER_CHECK(at::equal(whole.narrow(0, 30, 30), turned.narrow(0, 0, 30)), kind + "nor on the order of the batch");
  for (const ser::DropoutKey other : {ser::DropoutKey{2, 2, 3, shared}, {1, 3, 3, shared}, {1, 2, 4, shared}}) {
    SER_CHECK(!at::equal(ser::dropout(ones(20, 33), 0.3, other, ser::make_segments({20}, {8})), alone),
              kind + "another seed, step or site draws anew");
  }
  SER_CHECK(!at::equal(ser::dropout(ones(20, 33), 0.3, key, ser::make_segments({20}, {6})), alone),
            kind + "another utterance draws anew");
  if (shared) {
    SER_CHECK(at::equal(alone, alone.narrow(0, 0, 1).expand({20, 33})), "shared: all frames have one mask");
    SER_CHECK(alone[0].eq(0).any().item<bool>() && alone[0].gt(0).any().item<bool>(), "shared: some channels fall, some stay");
  }
}

void gradients(bool shared) {
  at::Generator generator = at::detail::createCPUGenerator(1);
  const auto segments = ser::make_segments({13, 5}, {3, 4});
  const at::Tensor x = at::randn({18, 40}, generator, at::TensorOptions(at::kFloat)).requires_grad_();
  const at::Tensor residual = at::randn({18, 40}, generator, at::TensorOptions(at::kFloat)).requires_grad_();
  const at::Tensor up = at::randn({18, 40}, generator, at::TensorOptions(at::kFloat));
  const ser::DropoutKey key{9, 8, 7, shared};
  const at::Tensor mask = ser::dropout(ones(18, 40), 0.25, key, segments);
  const at::Tensor y = ser::dropout_add(x, residual, 0.5, 0.25, key, segments);
  SER_CHECK_WITHIN((y - residual - x * mask * 0.5).abs().max().item<double>(), 1e-6, "residual + scale * dropout");
  const auto found = torch::autograd::grad({y}, {x, residual}, {up});
  SER_CHECK_WITHIN((found[0] - up * mask * 0.5).abs().max().item<double>(), 1e-6, "the backward pass draws the same mask");
  SER_CHECK(at::equal(found[1], up), "the residual's gradient is the upstream one");
}

}  // namespace

int main() {
  for (const double p : {0.1, 0.5}) statistics(p);
  for (const bool shared : {false, true}) {
    independence(shared);
    gradients(shared);
  }
  return ser::test::finish("dropout");
}
