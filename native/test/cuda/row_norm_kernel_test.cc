// Bias, dropout, residual, LayerNorm and GELU, forward and backward, against a plain reference in double.
#include "encoder/row_norm.cu"
#include "test/check.h"
#include "test/cuda/finite_differences.h"
#include "test/cuda/masks.h"
#include "test/cuda/values.h"

namespace {

using ser::test::Batch;
using ser::test::in_double;
using ser::test::random_values;
using ser::test::relative_error;
using Values = std::vector<double>;

constexpr double kEpsilon = 1e-5;

double phi(double x) { return 0.5 * (1 + std::erf(x / std::sqrt(2.0))); }
double density(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * std::acos(-1.0)); }

// Empty: no such part.
struct Inputs {
  std::int64_t rows, width;
  Values x, bias, residual, factor, weight, shift;
  bool gelu;
};
struct Outputs {
  Values sum, y;
};
struct Gradients {
  Values dx, d_residual, d_weight, d_shift, d_bias;
};

Outputs forward(const Inputs& in) {
  Outputs out;
  for (std::int64_t r = 0; r < in.rows; ++r) {
    Values s;
    for (std::int64_t d = 0; d < in.width; ++d) {
      const auto i = static_cast<std::size_t>(r * in.width + d), c = static_cast<std::size_t>(d);
      double value = in.residual.empty() ? 0 : in.residual[i];
      if (!in.x.empty()) value += in.factor[i] * (in.x[i] + (in.bias.empty() ? 0 : in.bias[c]));
      s.push_back(value);
    }
    double mean = 0, square = 0;
    for (const double value : s) mean += value / static_cast<double>(in.width);
    for (const double value : s) square += (value - mean) * (value - mean) / static_cast<double>(in.width);
    for (std::size_t c = 0; c < s.size(); ++c) {
      const double z = (s[c] - mean) / std::sqrt(square + kEpsilon) * in.weight[c] + in.shift[c];
      out.y.push_back(in.gelu ? z * phi(z) : z);
    }
    out.sum.insert(out.sum.end(), s.begin(), s.end());
  }
  return out;
}

// Of sum(dy * y) + sum(d_sum * sum).
Gradients backward(const Inputs& in, const Values& dy, const Values& d_sum) {
  const Values sums = forward(in).sum;
  const auto columns = static_cast<std::size_t>(in.width);
  const auto n = static_cast<double>(in.width);
  Gradients out{{}, {}, Values(columns), Values(columns), Values(columns)};
  for (std::int64_t r = 0; r < in.rows; ++r) {
    const auto first = static_cast<std::size_t>(r * in.width);
    double mean = 0, square = 0;
    for (std::size_t c = 0; c < columns; ++c) mean += sums[first + c] / n;
    for (std::size_t c = 0; c < columns; ++c) square += (sums[first + c] - mean) * (sums[first + c] - mean) / n;
    const double rstd = 1 / std::sqrt(square + kEpsilon);
    Values h, normal;
    double total = 0, product = 0;
    for (std::size_t c = 0; c < columns; ++c) {
      normal.push_back((sums[first + c] - mean) * rstd);
      const double z = normal[c] * in.weight[c] + in.shift[c];
      const double dz = dy[first + c] * (in.gelu ? phi(z) + z * density(z) : 1.0);
      out.d_weight[c] += dz * normal[c];
      out.d_shift[c] += dz;
      h.push_back(dz * in.weight[c]);
      total += h[c] / n;
      product += h[c] * normal[c] / n;
    }
    for (std::size_t c = 0; c < columns; ++c) {
      const double ds = rstd * (h[c] - total - normal[c] * product) + (d_sum.empty() ? 0 : d_sum[first + c]);
      out.d_residual.push_back(ds);
      out.dx.push_back(ds * (in.factor.empty() ? 1 : in.factor[first + c]));
      out.d_bias[c] += out.dx.back();
    }
  }
  return out;
}

void finite_differences(bool gelu) {
  Inputs in{2,
            5,
            in_double(random_values<float>(10, 1)),
            in_double(random_values<float>(5, 2)),
            in_double(random_values<float>(10, 3)),
            {2, 0, 2, 2, 0, 2, 2, 2, 0, 2},
            in_double(random_values<float>(5, 4)),
            in_double(random_values<float>(5, 5)),
            gelu};
  const Values dy = in_double(random_values<float>(10, 6)), d_sum = in_double(random_values<float>(10, 7));
  const auto loss = [&] {
    const Outputs out = forward(in);
    double total = 0;
    for (std::size_t i = 0; i < dy.size(); ++i) total += dy[i] * out.y[i] + d_sum[i] * out.sum[i];
    return total;
  };
  const Gradients found = backward(in, dy, d_sum);
  double most = 0;
  for (const auto& [values, gradient] :
       {std::pair(&in.x, &found.dx), std::pair(&in.residual, &found.d_residual), std::pair(&in.weight, &found.d_weight),
        std::pair(&in.shift, &found.d_shift), std::pair(&in.bias, &found.d_bias)}) {
    most = ser::test::worse(most, ser::test::error_of_gradient(*values, *gradient, loss, 1e-6));
  }
  SER_CHECK_WITHIN(most, 1e-7, std::string("the reference's gradient is that of its values") + (gelu ? ", with GELU" : ""));
}

// What a use of the kernel has.
struct Use {
  const char* name;
  bool x, bias, residual, gelu, sum, d_sum;
  double p;
};
constexpr Use kPre{"pre-norm", true, true, true, false, true, true, 0.3};
constexpr Use kPost{"post-norm", true, true, true, false, true, false, 0.1};
constexpr Use kPlain{"LayerNorm", false, false, true, false, false, false, 0};
constexpr Use kConv{"convolution's norm and GELU", true, true, false, true, false, false, 0};
constexpr Use kBare{"norm and GELU without a bias", true, false, false, true, false, false, 0};

template <typename X, typename R, typename N>
void against_reference(const Use& use, const Batch& batch, std::int64_t width, bool shared, std::int64_t offset) {
  const std::int64_t rows = batch.rows(), count = rows * width;
  const ser::cuda::RowMask mask = batch.mask(use.p, 1, shared);
  const auto size = static_cast<std::size_t>(count), columns = static_cast<std::size_t>(width);
  const auto tail = [&](const auto& values) {
    return std::vector(values.begin() + static_cast<std::ptrdiff_t>(offset), values.end());
  };
  // A large mean, which a sum of squares would not survive.
  const auto x = random_values<X>(count + offset, 1, 1, use.residual ? 0 : 20);
  const auto residual = random_values<R>(count + offset, 2, 1, 8);
  const auto bias = random_values<float>(width, 3), weight = random_values<float>(width, 4, 0.3f, 1);
  const auto shift = random_values<float>(width, 5);
  const auto dy = random_values<N>(count + offset, 6);
  const auto d_sum = random_values<R>(count + offset, 7);

  Inputs in{rows, width, {}, {}, {}, {}, in_double(weight), in_double(shift), use.gelu};
  if (use.x) {
    in.x = in_double(tail(x));
    in.factor = use.p > 0 ? ser::test::factors(batch, width, mask.mask) : Values(size, 1);
  }
  if (use.bias) in.bias = in_double(bias);
  if (use.residual) in.residual = in_double(tail(residual));
  const Outputs expected = forward(in);

  double y_error = 0, sum_error = 0, dx_error = 0, residual_error = 0, sums_error = 0;
  bool guards = true, repeats = true;
  std::vector<float> first_sums;
  for (const std::uint64_t seed : {0, 1, 2}) {
    if (seed == 2 && width > 500) continue;  // a fiber costs time
    ser::emulator::set_seed(seed);
    std::vector<R> sum(x.size(), R(99.0f)), d_residual(x.size(), R(99.0f));
    std::vector<N> y(x.size(), N(99.0f));
    std::vector<X> dx(x.size(), X(99.0f));
    std::vector<float> mean(static_cast<std::size_t>(rows), NAN), rstd = mean;
    std::vector<float> partial(static_cast<std::size_t>(ser::cuda::row_norm_partial(rows, width)), NAN), sums(3 * columns, NAN);
    ser::cuda::RowNorm<X, R, N> work;
    work.rows = rows;
    work.width = width;
    if (use.x) work.x = x.data() + offset;
    if (use.bias) work.bias = bias.data();
    if (use.residual) work.residual = residual.data() + offset;
    work.mask = mask;
    work.weight = weight.data();
    work.shift = shift.data();
    work.epsilon = static_cast<float>(kEpsilon);
    work.gelu = use.gelu;
    if (use.sum) work.sum = sum.data() + offset;
    work.y = y.data() + offset;
    work.mean = mean.data();
    work.rstd = rstd.data();
    ser::cuda::row_norm(work, nullptr);

    ser::cuda::RowNormGradient<X, R, N> back;
    back.rows = rows;
    back.width = width;
    if (use.sum) {
      back.sum = sum.data() + offset;
    } else if (use.residual) {
      back.sum = residual.data() + offset;
    } else if constexpr (std::is_same_v<X, R>) {
      back.sum = x.data() + offset;
      if (use.bias) back.sum_bias = bias.data();
    }
    back.mean = mean.data();
    back.rstd = rstd.data();
    back.weight = weight.data();
    back.shift = shift.data();
    back.gelu = use.gelu;
    back.mask = mask;
    back.dy = dy.data() + offset;
    if (use.d_sum) back.d_sum = d_sum.data() + offset;
    if (use.x) back.dx = dx.data() + offset;
    if (use.residual) back.d_residual = d_residual.data() + offset;
    back.partial = partial.data();
    back.sums = sums.data();
    ser::cuda::row_norm_backward(back, nullptr);

    // The gradient at the sums as the kernel kept them.
    Inputs kept = in;
    if (use.sum) {
      kept.x.clear();
      kept.residual = in_double(tail(sum));
    }
    const Gradients gradient = backward(kept, in_double(tail(dy)), use.d_sum ? in_double(tail(d_sum)) : Values());
    y_error = std::max(y_error, relative_error(tail(y), expected.y));
    if (use.sum) sum_error = std::max(sum_error, relative_error(tail(sum), expected.sum));
    if (use.x) dx_error = std::max(dx_error, relative_error(tail(dx), gradient.dx));
    if (use.residual) residual_error = std::max(residual_error, relative_error(tail(d_residual), gradient.d_residual));
    Values sums_expected = gradient.d_weight;
    sums_expected.insert(sums_expected.end(), gradient.d_shift.begin(), gradient.d_shift.end());
    if (use.x) {
      sums_expected.insert(sums_expected.end(), gradient.d_bias.begin(), gradient.d_bias.end());
    } else {
      sums_expected.resize(3 * columns, 0);
    }
    sums_error = std::max(sums_error, relative_error(sums, sums_expected));
    if (first_sums.empty()) first_sums = sums;
    repeats = repeats && std::memcmp(first_sums.data(), sums.data(), sums.size() * sizeof(float)) == 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(offset); ++i) {
      guards = guards && static_cast<float>(sum[i]) == 99.0f && static_cast<float>(y[i]) == 99.0f &&
               static_cast<float>(dx[i]) == 99.0f && static_cast<float>(d_residual[i]) == 99.0f;
    }
  }
  const std::string what = std::string(use.name) + ", " + ser::test::type_name<X>() + ' ' + ser::test::type_name<R>() + ' ' +
                           ser::test::type_name<N>() + ", " + std::to_string(rows) + " x " + std::to_string(width) +
                           (shared ? ", shared" : "") + (offset > 0 ? ", not aligned" : "");
  // Rows of one value are all rounding: their normalised value is 0 by epsilon alone.
  const double wide = width == 1 ? 30 : 1;
  const double kept = use.sum ? ser::test::rounding<R> * 10 : 0;  // a sum near 8 rounded to R, divided by a spread near 1
  SER_CHECK_WITHIN(y_error, wide * (ser::test::rounding<N> + kept + 4e-6), what + ": values");
  SER_CHECK_WITHIN(sum_error, ser::test::rounding<R>, what + ": sums");
  SER_CHECK_WITHIN(dx_error, wide * (ser::test::rounding<X> + 4e-6), what + ": gradient of x");
  SER_CHECK_WITHIN(residual_error, wide * (ser::test::rounding<R> + 4e-6), what + ": gradient of the residual");
  SER_CHECK_WITHIN(sums_error, wide * 6e-6, what + ": gradients of weight, shift and bias");
  SER_CHECK(guards && repeats, what + ": nothing else is written, and the same bits in every order");
}

void refusals() {
  const std::uint64_t before = ser::emulator::counters().launches;
  ser::cuda::RowNorm<float, float, float> work;
  work.rows = 1;
  work.width = 2049;
  SER_CHECK_ERROR(ser::cuda::row_norm(work, nullptr), "E_ARGUMENT", "at most 2048 values, got 2049");
  work.rows = 0;
  work.width = 8;
  ser::cuda::row_norm(work, nullptr);
  SER_CHECK(ser::emulator::counters().launches == before, "no rows, no launch");
}

}  // namespace

int main() {
  using Half = __nv_bfloat16;
  finite_differences(false);
  finite_differences(true);
  for (const std::int64_t width : {1, 7, 33, 768, 1024}) {
    const std::int64_t odd = width == 33 || width == 768 ? 1 : 0;
    against_reference<float, float, float>(kPre, Batch({0, 3, 0, 2}), width, false, 0);
    against_reference<Half, float, Half>(kPre, Batch({4, 1}), width, true, odd);
    against_reference<Half, float, float>(kPost, Batch({1}), width, false, 0);
    against_reference<Half, Half, Half>(kPost, Batch({2, 3}), width, false, odd);
    against_reference<float, float, float>(kPlain, Batch({5}), width, false, odd);
    against_reference<Half, float, Half>(kPlain, Batch({2}), width, false, 0);
    against_reference<float, float, float>(kConv, Batch({6}), width, false, odd);
    against_reference<Half, Half, Half>(kConv, Batch({3}), width, false, 0);
  }
  // Several parts, and rows beyond 1024.
  against_reference<float, float, float>(kPre, Batch({70, 31}), 40, false, 0);
  against_reference<float, float, float>(kBare, Batch({37}), 264, false, 0);
  against_reference<float, float, float>(kPre, Batch({3}), 1280, false, 0);
  against_reference<Half, float, Half>(kPre, Batch({2}), 2048, false, 0);
  against_reference<float, float, float>(kPost, Batch({2}), 1025, true, 0);
  against_reference<float, float, float>(kPre, Batch({}), 40, false, 0);
  refusals();
  return ser::test::finish("row_norm_kernel_test");
}
