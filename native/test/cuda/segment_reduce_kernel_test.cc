// Mean, context broadcast and maximum over segments in the emulator, against loops in double.
#include <vector>

#include "encoder/segment_reduce.cu"
#include "test/check.h"
#include "test/emulator/emulator.h"

namespace {

// Between -1 and 1, in steps of 1/64 so that bf16 holds it and equal values occur.
double draw(std::size_t index, std::size_t stream) {
  return static_cast<double>((index * 2654435761u + stream * 40503u) / 7 % 129) / 64 - 1;
}

template <typename T>
struct Batch {
  std::vector<std::int64_t> offsets{0};
  std::vector<T> x;
  std::size_t width;

  Batch(const std::vector<std::int64_t>& lengths, std::size_t columns, std::size_t stream) : width(columns) {
    for (const std::int64_t length : lengths) offsets.push_back(offsets.back() + length);
    for (std::size_t i = 0; i < rows() * width; ++i) x.push_back(static_cast<T>(static_cast<float>(draw(i, stream))));
  }
  std::size_t rows() const { return static_cast<std::size_t>(offsets.back()); }
  std::size_t count() const { return offsets.size() - 1; }
  double at(std::size_t t, std::size_t d) const { return static_cast<double>(static_cast<float>(x[t * width + d])); }
  ser::PackedRows packed(bool with_data = true) const {
    ser::PackedRows out;
    out.x = with_data ? x.data() : nullptr;
    out.half = sizeof(T) == 2;
    out.offsets = offsets.data();
    out.rows = offsets.back();
    out.segments = static_cast<std::int64_t>(count());
    out.width = static_cast<std::int64_t>(width);
    return out;
  }
  template <typename Each>
  void each_row(const Each& each) const {
    for (std::size_t b = 0; b < count(); ++b) {
      for (auto t = static_cast<std::size_t>(offsets[b]); t < static_cast<std::size_t>(offsets[b + 1]); ++t) each(b, t);
    }
  }
  double length(std::size_t b) const { return static_cast<double>(offsets[b + 1] - offsets[b]); }
};

struct Gaps {
  double mean = 0, broadcast = 0, mean_gradient = 0;
  bool greatest = true, scattered = true;
};

using ser::test::worse;

void widen(double& worst, double gap) { worst = worse(worst, gap); }

template <typename T>
void compare(const std::vector<std::int64_t>& lengths, std::size_t width, std::size_t stream, Gaps& gaps) {
  const Batch<T> batch(lengths, width, stream);
  const std::size_t cells = batch.count() * width, all = batch.rows() * width;
  std::vector<double> mean(cells), most(cells);
  std::vector<std::int64_t> place(cells, -1);
  batch.each_row([&](std::size_t b, std::size_t t) {
    for (std::size_t d = 0; d < width; ++d) {
      const std::size_t at = b * width + d;
      mean[at] += batch.at(t, d) / batch.length(b);
      if (place[at] >= 0 && batch.at(t, d) <= most[at]) continue;
      most[at] = batch.at(t, d);
      place[at] = static_cast<std::int64_t>(t);
    }
  });

  std::vector<float> got(cells, NAN), greatest(cells, NAN);
  std::vector<std::int64_t> row(cells, -7);
  ser::segment_mean_launch(batch.packed(), got.data(), nullptr);
  ser::segment_max_launch(batch.packed(), greatest.data(), row.data(), nullptr);
  for (std::size_t i = 0; i < cells; ++i) {
    widen(gaps.mean, std::abs(static_cast<double>(got[i]) - mean[i]));
    gaps.greatest = gaps.greatest && static_cast<double>(greatest[i]) == most[i] && row[i] == place[i];
  }

  // The broadcast, and the gradients of mean and maximum for an upstream gradient v.
  std::vector<float> v(cells);
  for (std::size_t i = 0; i < cells; ++i) v[i] = static_cast<float>(draw(i, stream + 5));
  std::vector<T> broadcast(all, T(NAN)), d_mean(all, T(NAN)), d_max(all, T(0.0f));
  ser::segment_spread_launch(batch.packed(), 0.5f, got.data(), false, broadcast.data(), nullptr);
  ser::segment_spread_launch(batch.packed(false), 0, v.data(), true, d_mean.data(), nullptr);
  ser::segment_scatter_launch(batch.packed(false), v.data(), row.data(), d_max.data(), nullptr);
  batch.each_row([&](std::size_t b, std::size_t t) {
    for (std::size_t d = 0; d < width; ++d) {
      const std::size_t i = t * width + d, at = b * width + d;
      const auto value = [](T x) { return static_cast<double>(static_cast<float>(x)); };
      widen(gaps.broadcast, std::abs(value(broadcast[i]) - (batch.at(t, d) + mean[at]) / 2));
      widen(gaps.mean_gradient, std::abs(value(d_mean[i]) - static_cast<double>(v[at]) / batch.length(b)));
      const double want = place[at] == static_cast<std::int64_t>(t) ? static_cast<double>(v[at]) : 0;
      gaps.scattered = gaps.scattered && value(d_max[i]) == want;
    }
  });
}

void against_loops() {
  const std::vector<std::vector<std::int64_t>> batches{{1}, {0}, {5, 0, 9}, {16, 17, 33, 1}, {0, 0, 70}};
  for (const std::size_t width : {1u, 31u, 32u, 33u, 100u, 300u}) {
    Gaps single, half;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      ser::emulator::set_seed(i);
      compare<float>(batches[i], width, i, single);
      compare<__nv_bfloat16>(batches[i], width, i, half);
    }
    const std::string name = "D = " + std::to_string(width) + ": ";
    SER_CHECK_WITHIN(worse(worse(single.mean, single.broadcast), single.mean_gradient), 1e-6,
                     name + "mean, broadcast, gradient");
    SER_CHECK_WITHIN(half.mean, 1e-6, name + "mean of bf16");
    SER_CHECK_WITHIN(worse(half.broadcast, half.mean_gradient), 4e-3, name + "broadcast and gradient, rounded to bf16");
    SER_CHECK(single.greatest && half.greatest, name + "maxima and the first rows that have them");
    SER_CHECK(single.scattered && half.scattered, name + "the gradient of a maximum goes to its row alone");
  }
}

// <broadcast x, y> = <x, broadcast y>: why the backward pass is the forward pass.
void adjoint() {
  const Batch<float> x({4, 9}, 3, 1), y({4, 9}, 3, 2);
  const auto broadcast = [](const Batch<float>& batch) {
    std::vector<float> mean(batch.count() * batch.width), out(batch.x.size());
    ser::segment_mean_launch(batch.packed(), mean.data(), nullptr);
    ser::segment_spread_launch(batch.packed(), 0.5f, mean.data(), false, out.data(), nullptr);
    return out;
  };
  const auto of_x = broadcast(x), of_y = broadcast(y);
  double left = 0, right = 0;
  for (std::size_t i = 0; i < of_x.size(); ++i) {
    left += static_cast<double>(of_x[i]) * static_cast<double>(y.x[i]);
    right += static_cast<double>(of_y[i]) * static_cast<double>(x.x[i]);
  }
  SER_CHECK_WITHIN(std::abs(left - right), 1e-5, "the broadcast is its own adjoint");
}

void specials() {
  ser::emulator::set_seed(4);
  Batch<float> batch({20, 3}, 2, 3);
  batch.x[11 * 2] = NAN;
  batch.x[14 * 2] = NAN;
  for (std::size_t t = 0; t < 20; ++t) batch.x[t * 2 + 1] = -INFINITY;
  std::vector<float> greatest(4);
  std::vector<std::int64_t> row(4);
  ser::segment_max_launch(batch.packed(), greatest.data(), row.data(), nullptr);
  SER_CHECK(std::isnan(greatest[0]) && row[0] == 11, "the maximum of values with NaN is the first NaN");
  SER_CHECK(greatest[1] == -INFINITY && row[1] == 0, "of -infinity alone, the first");
  SER_CHECK(greatest[2] == static_cast<float>(std::max({batch.at(20, 0), batch.at(21, 0), batch.at(22, 0)})),
            "a NaN stays in its utterance");
}

}  // namespace

int main() {
  against_loops();
  adjoint();
  specials();
  return ser::test::finish("segment_reduce_kernel_test");
}
