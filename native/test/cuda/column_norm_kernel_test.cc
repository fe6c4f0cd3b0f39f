// Norms over rows with GELU or ReLU, forward and backward, against a plain reference in double.
#include "encoder/column_norm.cu"
#include "test/check.h"
#include "test/cuda/finite_differences.h"
#include "test/cuda/values.h"

namespace {

using ser::cuda::Activation;
using ser::cuda::ColumnChunk;
using ser::test::in_double;
using ser::test::random_values;
using ser::test::relative_error;
using Values = std::vector<double>;

constexpr double kEpsilon = 1e-5;

double value_of(Activation kind, double z) {
  return kind == Activation::relu ? std::max(z, 0.0) : 0.5 * z * (1 + std::erf(z / std::sqrt(2.0)));
}
double slope_of(Activation kind, double z) {
  if (kind == Activation::relu) return z > 0 ? 1 : 0;
  return 0.5 * (1 + std::erf(z / std::sqrt(2.0))) + z * std::exp(-0.5 * z * z) / std::sqrt(2 * std::acos(-1.0));
}

// Rows in order: `length` of each group, then `gap` of none.
struct Layout {
  std::vector<ColumnChunk> chunks;
  std::vector<std::int64_t> group_chunks{0};
  std::vector<int> group_of;  // of each row; -1 = none
  Layout(const std::vector<std::int64_t>& lengths, std::int64_t gap, std::int64_t chunk, bool one_group) {
    std::vector<ColumnChunk> gaps;
    const auto add = [&](std::int64_t rows, int group, std::vector<ColumnChunk>& to) {
      for (std::int64_t at = 0; at < rows; at += chunk) {
        to.push_back(
            {static_cast<std::int64_t>(group_of.size()) + at, static_cast<std::int32_t>(std::min(chunk, rows - at)), group});
      }
      group_of.insert(group_of.end(), static_cast<std::size_t>(rows), group);
    };
    for (std::size_t g = 0; g < lengths.size(); ++g) {
      add(lengths[g], one_group ? 0 : static_cast<int>(g), chunks);
      if (!one_group) group_chunks.push_back(static_cast<std::int64_t>(chunks.size()));
      add(gap, -1, gaps);
    }
    if (one_group) group_chunks.push_back(static_cast<std::int64_t>(chunks.size()));
    chunks.insert(chunks.end(), gaps.begin(), gaps.end());
  }
  ser::cuda::ColumnTable table() const {
    return {chunks.data(), static_cast<std::int64_t>(chunks.size()), group_chunks.data(), groups()};
  }
  std::int64_t groups() const { return static_cast<std::int64_t>(group_chunks.size()) - 1; }
  std::int64_t rows() const { return static_cast<std::int64_t>(group_of.size()); }
};

struct Reference {
  Values mean, variance, count, y, dx, sums;
};

Reference reference(const Layout& layout, std::int64_t width, const Values& x, const Values& weight, const Values& shift,
                    Activation kind, const Values& dy, bool given, const Values& given_mean, const Values& given_variance) {
  const auto columns = static_cast<std::size_t>(width), groups = static_cast<std::size_t>(layout.groups());
  Reference out;
  out.mean.assign(groups * columns, 0);
  out.variance = out.mean;
  out.count.assign(groups, 0);
  out.y.assign(x.size(), 0);
  out.dx = out.y;
  out.sums.assign(2 * groups * columns, 0);
  for (std::size_t g = 0; g < groups; ++g) {
    std::vector<std::size_t> rows;
    for (std::size_t r = 0; r < layout.group_of.size(); ++r) {
      if (layout.group_of[r] == static_cast<int>(g)) rows.push_back(r);
    }
    const auto n = static_cast<double>(rows.size());
    out.count[g] = n;
    if (rows.empty()) continue;
    for (std::size_t c = 0; c < columns; ++c) {
      double mean = 0, variance = 0, products = 0, totals = 0;
      for (const std::size_t r : rows) mean += x[r * columns + c] / n;
      for (const std::size_t r : rows) variance += (x[r * columns + c] - mean) * (x[r * columns + c] - mean) / n;
      if (given) {
        mean = given_mean[c];
        variance = given_variance[c];
      }
      out.mean[g * columns + c] = mean;
      out.variance[g * columns + c] = variance;
      const double rstd = 1 / std::sqrt(variance + kEpsilon);
      for (const std::size_t r : rows) {
        const double normal = (x[r * columns + c] - mean) * rstd, z = normal * weight[c] + shift[c];
        const double dz = dy[r * columns + c] * slope_of(kind, z);
        out.y[r * columns + c] = value_of(kind, z);
        products += dz * normal;
        totals += dz;
      }
      out.sums[2 * g * columns + c] = products;
      out.sums[(2 * g + 1) * columns + c] = totals;
      for (const std::size_t r : rows) {
        const double normal = (x[r * columns + c] - mean) * rstd, z = normal * weight[c] + shift[c];
        const double dz = dy[r * columns + c] * slope_of(kind, z);
        out.dx[r * columns + c] = weight[c] * rstd * (given ? dz : dz - totals / n - normal * products / n);
      }
    }
  }
  return out;
}

void finite_differences(Activation kind, bool given) {
  const Layout layout({5, 4}, 1, 2, false);
  const std::int64_t width = 3;
  Values x = in_double(random_values<float>(layout.rows() * width, 1)), weight = in_double(random_values<float>(width, 2));
  Values shift = in_double(random_values<float>(width, 3));
  const Values dy = in_double(random_values<float>(layout.rows() * width, 4)), mean{0.1, 0.2, 0.3}, variance{0.5, 1, 2};
  const auto run = [&] { return reference(layout, width, x, weight, shift, kind, dy, given, mean, variance); };
  const Reference found = run();
  const auto loss = [&] {
    const Values y = run().y;
    double sum = 0;
    for (std::size_t k = 0; k < y.size(); ++k) sum += dy[k] * y[k];
    return sum;
  };
  double most = 0;
  const auto check = [&](Values& values, const Values& gradient) {
    most = ser::test::worse(most, ser::test::error_of_gradient(values, gradient, loss, 1e-6));
  };
  // Of both groups together.
  const auto summed = [&](std::size_t from) {
    Values sum(3);
    for (std::size_t c = 0; c < sum.size(); ++c) sum[c] = found.sums[from + c] + found.sums[6 + from + c];
    return sum;
  };
  check(x, found.dx);
  check(weight, summed(0));
  check(shift, summed(3));
  SER_CHECK_WITHIN(most, 1e-7,
                   std::string("the reference's gradient is that of its values, ") +
                       (kind == Activation::gelu ? "GELU" : "ReLU") + (given ? ", given statistics" : ""));
}

template <typename X, typename Y>
void against_reference(const Layout& layout, std::int64_t width, Activation kind, bool given, std::int64_t offset) {
  const std::int64_t count = layout.rows() * width, groups = layout.groups();
  const auto columns = static_cast<std::size_t>(width);
  const auto tail = [&](const auto& values) {
    return std::vector(values.begin() + static_cast<std::ptrdiff_t>(offset), values.end());
  };
  // A mean far from 0, which sums of plain squares would not survive; and rows of no group hold what must not be read.
  std::vector<X> x = random_values<X>(count + offset, 1, 1, given ? 0 : 8);
  std::vector<Y> dy = random_values<Y>(count + offset, 2);
  for (std::int64_t i = 0; i < count; ++i) {
    if (layout.group_of[static_cast<std::size_t>(i / width)] < 0) x[static_cast<std::size_t>(i + offset)] = X(NAN);
  }
  const auto weight = random_values<float>(width, 3, 0.3f, 1), shift = random_values<float>(width, 4);
  const auto own_mean = random_values<float>(width, 5, 0.3f);
  std::vector<float> own_rstd;
  Values own_variance;
  for (std::int64_t c = 0; c < width; ++c) {
    own_variance.push_back(0.5 + static_cast<double>(c % 5));
    own_rstd.push_back(static_cast<float>(1 / std::sqrt(own_variance.back() + kEpsilon)));
  }
  const Reference expected = reference(layout, width, in_double(tail(x)), in_double(weight), in_double(shift), kind,
                                       in_double(tail(dy)), given, in_double(own_mean), own_variance);
  double statistics_error = 0, y_error = 0, dx_error = 0, sums_error = 0;
  bool guards = true, repeats = true;
  std::vector<float> first_sums;
  for (const std::uint64_t seed : {0, 1, 2}) {
    if (seed == 2 && width > 500) continue;  // a fiber costs time
    ser::emulator::set_seed(seed);
    const auto cells = static_cast<std::size_t>(groups) * columns;
    std::vector<float> mean(cells, NAN),
        rstd = mean, variance = mean, rows(static_cast<std::size_t>(groups), NAN), sums(2 * cells, NAN),
        partial(static_cast<std::size_t>(ser::cuda::column_norm_partial(layout.table().count, width)), NAN);
    if (given) {
      for (std::size_t g = 0; g < static_cast<std::size_t>(groups); ++g) {
        std::copy(own_mean.begin(), own_mean.end(), mean.begin() + static_cast<std::ptrdiff_t>(g * columns));
        std::copy(own_rstd.begin(), own_rstd.end(), rstd.begin() + static_cast<std::ptrdiff_t>(g * columns));
      }
    } else {
      ser::cuda::column_statistics(layout.table(), x.data() + offset, width, static_cast<float>(kEpsilon),
                                   {mean.data(), rstd.data(), variance.data(), rows.data()}, partial.data(), nullptr);
      statistics_error = std::max({statistics_error, relative_error(mean, expected.mean),
                                   relative_error(variance, expected.variance), relative_error(rows, expected.count)});
    }
    std::vector<Y> y(dy.size(), Y(99.0f));
    std::vector<X> dx(x.size(), X(99.0f));
    const ser::cuda::ColumnNorm<X, Y> work{layout.table(), width,         x.data() + offset, mean.data(),
                                           rstd.data(),    weight.data(), shift.data(),      kind};
    ser::cuda::column_norm(work, y.data() + offset, nullptr);
    ser::cuda::column_norm_backward(work, dy.data() + offset, given ? nullptr : rows.data(), dx.data() + offset, sums.data(),
                                    partial.data(), nullptr);
    y_error = std::max(y_error, relative_error(tail(y), expected.y));
    dx_error = std::max(dx_error, relative_error(tail(dx), expected.dx));
    sums_error = std::max(sums_error, relative_error(sums, expected.sums));
    if (first_sums.empty()) first_sums = sums;
    repeats = repeats && (sums.empty() || std::memcmp(first_sums.data(), sums.data(), sums.size() * sizeof(float)) == 0);
    for (std::size_t i = 0; i < static_cast<std::size_t>(offset); ++i)
      guards = guards && static_cast<float>(y[i]) == 99.0f && static_cast<float>(dx[i]) == 99.0f;
  }
  const std::string what = ser::test::type_name<X>() + " to " + ser::test::type_name<Y>() + ", " +
                           std::to_string(layout.rows()) + " x " + std::to_string(width) + ", " + std::to_string(groups) +
                           " groups" + (kind == Activation::gelu ? ", GELU" : ", ReLU") + (given ? ", given statistics" : "") +
                           (offset > 0 ? ", not aligned" : "");
  SER_CHECK_WITHIN(statistics_error, 3e-6, what + ": statistics");
  // A mean near 8 as a float, where three values of a group may differ by little.
  const double rounded = given ? 4e-6 : 4e-5;
  SER_CHECK_WITHIN(y_error, ser::test::rounding<Y> + rounded, what + ": values");
  SER_CHECK_WITHIN(dx_error, ser::test::rounding<X> + 3 * rounded, what + ": gradient");
  SER_CHECK_WITHIN(sums_error, rounded, what + ": gradients of weight and shift");
  SER_CHECK(guards && repeats, what + ": nothing else is written, and the same bits in every order");
}

void launches() {
  const Layout layout({300, 20}, 5, ser::cuda::kColumnChunk, false);
  const auto x = random_values<float>(layout.rows() * 8, 1), ones = random_values<float>(8, 2);
  std::vector<float> mean(16), rstd(16), count(2), sums(32), y(x.size()),
      partial(static_cast<std::size_t>(ser::cuda::column_norm_partial(layout.table().count, 8)));
  const std::uint64_t before = ser::emulator::counters().launches;
  ser::cuda::column_statistics(layout.table(), x.data(), 8, 1e-5f, {mean.data(), rstd.data(), nullptr, count.data()},
                               partial.data(), nullptr);
  const ser::cuda::ColumnNorm<float, float> work{layout.table(), 8,           x.data(),    mean.data(),
                                                 rstd.data(),    ones.data(), ones.data(), Activation::gelu};
  ser::cuda::column_norm(work, y.data(), nullptr);
  SER_CHECK(ser::emulator::counters().launches - before == 3, "three launches forward");
  ser::cuda::column_norm_backward(work, x.data(), count.data(), y.data(), sums.data(), partial.data(), nullptr);
  SER_CHECK(ser::emulator::counters().launches - before == 6, "three backward");
}

}  // namespace

int main() {
  using Half = __nv_bfloat16;
  for (const Activation kind : {Activation::gelu, Activation::relu}) {
    finite_differences(kind, false);
    finite_differences(kind, true);
  }
  for (const std::int64_t width : {1, 7, 33, 768, 1024}) {
    const std::int64_t odd = width == 33 || width == 768 ? 1 : 0;
    against_reference<float, float>(Layout({3, 0, 11, 1}, 2, 4, false), width, Activation::gelu, false, odd);
    against_reference<float, Half>(Layout({20, 0}, 1, 9, false), width, Activation::gelu, false, 0);
    against_reference<float, float>(Layout({6, 5}, 3, 8, true), width, Activation::relu, false, 0);
    against_reference<Half, Half>(Layout({4, 6}, 1, 8, true), width, Activation::relu, true, odd);
  }
  // Chunks of the size that the encoders take, and more of them than a block has warps.
  against_reference<float, float>(Layout({600, 256, 257}, 7, ser::cuda::kColumnChunk, false), 24, Activation::gelu, false, 0);
  against_reference<float, float>(Layout({150, 41}, 2, 5, true), 16, Activation::relu, false, 0);
  against_reference<float, float>(Layout({}, 0, 4, false), 16, Activation::relu, false, 0);
  launches();
  return ser::test::finish("column_norm_kernel_test");
}
