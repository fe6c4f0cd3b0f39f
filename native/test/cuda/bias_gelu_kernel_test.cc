// Bias, GELU and dropout, forward and backward, against a plain reference in double.
#include "encoder/bias_gelu.cu"
#include "test/check.h"
#include "test/cuda/masks.h"
#include "test/cuda/values.h"

namespace {

using ser::cuda::RowMask;
using ser::test::Batch;
using ser::test::random_values;

double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }
double slope(double x) {
  return 0.5 * (1 + std::erf(x / std::sqrt(2.0))) + x * std::exp(-0.5 * x * x) / std::sqrt(2 * std::acos(-1.0));
}

// The reference's own gradient.
void finite_differences() {
  double most = 0;
  for (double x = -8; x < 8; x += 0.37) most = std::max(most, std::abs((gelu(x + 1e-5) - gelu(x - 1e-5)) / 2e-5 - slope(x)));
  SER_CHECK_WITHIN(most, 1e-9, "the reference's slope is that of its values");
}

template <typename T>
void against_reference(const Batch& batch, std::int64_t width, double p, bool shared, bool with_bias, std::int64_t shift) {
  const std::int64_t rows = batch.rows(), count = rows * width;
  const RowMask mask = batch.mask(p, 1, shared);
  const std::vector<double> factor = ser::test::factors(batch, width, mask.mask);
  const auto at = [&](std::int64_t i) { return static_cast<std::size_t>(i + shift); };
  std::vector<T> x = random_values<T>(count + shift, 1, 2), dy = random_values<T>(count + shift, 2);
  if (count > 4) {
    x[at(1)] = T(40.0f);  // where the error function has long ended
    x[at(3)] = T(-40.0f);
  }
  const std::vector<float> bias = random_values<float>(width + shift, 3);
  std::vector<double> y, dx, d_bias(static_cast<std::size_t>(width), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    const double z =
        static_cast<double>(static_cast<float>(x[at(i)])) + (with_bias ? static_cast<double>(bias[at(i % width)]) : 0.0);
    y.push_back(gelu(z) * factor[static_cast<std::size_t>(i)]);
    dx.push_back(static_cast<double>(static_cast<float>(dy[at(i)])) * factor[static_cast<std::size_t>(i)] * slope(z));
    d_bias[static_cast<std::size_t>(i % width)] += dx.back();
  }
  double error = 0, gradient_error = 0, bias_error = 0;
  bool guards = true, repeats = true;
  std::vector<float> first_bias;
  for (const std::uint64_t seed : {0, 1, 2}) {
    if (seed == 2 && width > 500) continue;  // a fiber costs time
    ser::emulator::set_seed(seed);
    std::vector<T> out(x.size(), T(99.0f)), d_in(x.size(), T(99.0f));
    std::vector<float> d_out(static_cast<std::size_t>(width), NAN),
        partial(static_cast<std::size_t>(ser::cuda::bias_gelu_partial(rows, width)), NAN);
    const float* b = with_bias ? bias.data() + shift : nullptr;
    ser::cuda::bias_gelu(x.data() + shift, b, out.data() + shift, rows, width, mask, nullptr);
    ser::cuda::bias_gelu_backward(x.data() + shift, b, dy.data() + shift, d_in.data() + shift,
                                  with_bias ? d_out.data() : nullptr, partial.data(), rows, width, mask, nullptr);
    for (std::int64_t i = 0; i < shift; ++i) {
      const auto k = static_cast<std::size_t>(i);
      guards = guards && static_cast<float>(out[k]) == 99.0f && static_cast<float>(d_in[k]) == 99.0f;
    }
    error = std::max(error, ser::test::relative_error(std::vector<T>(out.begin() + shift, out.end()), y));
    gradient_error = std::max(gradient_error, ser::test::relative_error(std::vector<T>(d_in.begin() + shift, d_in.end()), dx));
    if (!with_bias) continue;
    bias_error = std::max(bias_error, ser::test::relative_error(d_out, d_bias));
    if (first_bias.empty()) first_bias = d_out;
    repeats = repeats && std::memcmp(first_bias.data(), d_out.data(), d_out.size() * sizeof(float)) == 0;
  }
  const std::string what = ser::test::type_name<T>() + ", " + std::to_string(rows) + " x " + std::to_string(width) +
                           (p > 0 ? ", dropout" : "") + (shared ? ", shared" : "") + (with_bias ? "" : ", no bias") +
                           (shift > 0 ? ", not aligned" : "");
  SER_CHECK_WITHIN(error, 2 * ser::test::rounding<T> + 1e-6, what + ": values");
  SER_CHECK_WITHIN(gradient_error, 2 * ser::test::rounding<T> + 1e-6, what + ": gradient");
  SER_CHECK_WITHIN(bias_error, 3e-6, what + ": gradient of the bias");
  SER_CHECK(guards && repeats, what + ": nothing else is written, and the same bits in every order");
}

void launches() {
  const std::vector<float> x = random_values<float>(40 * 32, 1), bias = random_values<float>(32, 2);
  std::vector<float> y(x.size()), d_bias(32), partial(static_cast<std::size_t>(ser::cuda::bias_gelu_partial(40, 32)));
  const std::uint64_t before = ser::emulator::counters().launches;
  ser::cuda::bias_gelu(x.data(), bias.data(), y.data(), 40, 32, {}, nullptr);
  ser::cuda::bias_gelu_backward(x.data(), bias.data(), y.data(), y.data(), d_bias.data(), partial.data(), 40, 32, {}, nullptr);
  SER_CHECK(ser::emulator::counters().launches - before == 3, "one launch forward, two backward");
}

}  // namespace

int main() {
  finite_differences();
  for (const std::int64_t width : {1, 7, 33, 768, 1024}) {
    against_reference<float>(Batch({0, 3, 0, 2}), width, 0, false, true, 0);
    against_reference<__nv_bfloat16>(Batch({5, 0, 4}), width, 0.1, false, true, width == 768 ? 1 : 0);
    against_reference<float>(Batch({2, 1}), width, 0.3, true, false, width == 33 ? 3 : 0);
  }
  // Several parts, with rows that they do not share evenly.
  against_reference<float>(Batch({70, 31}), 40, 0.2, true, true, 0);
  against_reference<float>(Batch({310}), 8, 0, false, true, 0);  // more parts than a block has warps
  against_reference<__nv_bfloat16>(Batch({1}), 264, 0, false, true, 0);
  against_reference<float>(Batch({}), 40, 0.2, false, true, 0);
  launches();
  return ser::test::finish("bias_gelu_kernel_test");
}
