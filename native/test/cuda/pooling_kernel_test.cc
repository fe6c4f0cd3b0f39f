// FLAM's pooling kernels in the emulator against loops in double, forward and gradients.
#include <vector>

#include "head/pooling.cu"
#include "test/check.h"
#include "test/cuda/finite_differences.h"
#include "test/emulator/emulator.h"

namespace {

using ser::test::worse;

// Uniform in [-1, 1), from a counter.
double draw(std::uint64_t index, std::uint64_t stream) {
  std::uint64_t x = (index + 1) * 0x9e3779b97f4a7c15ull ^ stream * 0xd6e8feb86659fd93ull;
  x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
  x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
  return static_cast<double>((x ^ x >> 32) >> 11) * 0x1p-52 - 1;
}

std::vector<double> draws(std::int64_t count, std::uint64_t stream, double scale, bool half) {
  std::vector<double> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto value = static_cast<float>(scale * draw(i, stream));
    out[i] = half ? static_cast<double>(static_cast<float>(__nv_bfloat16(value))) : static_cast<double>(value);
  }
  return out;
}

struct Case {
  std::vector<std::int64_t> offsets{0};
  int width = 0;
  std::vector<double> frames, attended, score, through;
  std::vector<double> d_frames, d_attended, d_weights;  // upstream, of pF, pA and w
  std::int64_t segments() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  std::int64_t rows() const { return offsets.back(); }
};

Case make_case(const std::vector<std::int64_t>& lengths, int width, bool half, std::uint64_t seed, double scale = 1) {
  Case c;
  for (const std::int64_t length : lengths) c.offsets.push_back(c.offsets.back() + length);
  c.width = width;
  c.frames = draws(c.rows() * width, 10 * seed, 1, half);
  c.attended = draws(c.rows() * width, 10 * seed + 1, 1, half);
  // Scores of about unit size, whatever the width.
  c.score = draws(width, 10 * seed + 2, 2 * scale / std::sqrt(width), false);
  c.through = draws(width, 10 * seed + 3, 2 * scale / std::sqrt(width), false);
  c.d_frames = draws(c.segments() * width, 10 * seed + 4, 1, false);
  c.d_attended = draws(c.segments() * width, 10 * seed + 5, 1, false);
  c.d_weights = draws(c.rows(), 10 * seed + 6, 1, false);
  return c;
}

struct Pooled {
  std::vector<double> frames, attended, weights;
};

Pooled plain_forward(const Case& c) {
  const auto width = static_cast<std::size_t>(c.width);
  Pooled out{std::vector<double>(static_cast<std::size_t>(c.segments()) * width),
             std::vector<double>(static_cast<std::size_t>(c.segments()) * width),
             std::vector<double>(static_cast<std::size_t>(c.rows()))};
  for (std::size_t b = 0; b + 1 < c.offsets.size(); ++b) {
    const auto begin = static_cast<std::size_t>(c.offsets[b]), end = static_cast<std::size_t>(c.offsets[b + 1]);
    double most = -INFINITY, total = 0;
    for (std::size_t t = begin; t < end; ++t) {
      for (std::size_t d = 0; d < width; ++d)
        out.weights[t] += c.frames[t * width + d] * c.score[d] + c.attended[t * width + d] * c.through[d];
      most = std::max(most, out.weights[t]);
    }
    for (std::size_t t = begin; t < end; ++t) total += out.weights[t] = std::exp(out.weights[t] - most);
    for (std::size_t t = begin; t < end; ++t) {
      out.weights[t] /= total;
      for (std::size_t d = 0; d < width; ++d) {
        out.frames[b * width + d] += out.weights[t] * c.frames[t * width + d];
        out.attended[b * width + d] += out.weights[t] * c.attended[t * width + d];
      }
    }
  }
  return out;
}

double loss(const Case& c) {
  const Pooled out = plain_forward(c);
  double sum = 0;
  for (std::size_t i = 0; i < out.frames.size(); ++i) sum += out.frames[i] * c.d_frames[i] + out.attended[i] * c.d_attended[i];
  for (std::size_t t = 0; t < out.weights.size(); ++t) sum += out.weights[t] * c.d_weights[t];
  return sum;
}

struct Gradients {
  std::vector<double> frames, attended, score, through;
};

// By the chain rule, term by term; finite_differences() checks it.
Gradients plain_backward(const Case& c) {
  const Pooled out = plain_forward(c);
  const auto width = static_cast<std::size_t>(c.width);
  Gradients g{std::vector<double>(c.frames.size()), std::vector<double>(c.frames.size()), std::vector<double>(width),
              std::vector<double>(width)};
  for (std::size_t b = 0; b + 1 < c.offsets.size(); ++b) {
    const auto begin = static_cast<std::size_t>(c.offsets[b]), end = static_cast<std::size_t>(c.offsets[b + 1]);
    std::vector<double> d_w(end - begin);
    double mean = 0;
    for (std::size_t t = begin; t < end; ++t) {
      d_w[t - begin] = c.d_weights[t];
      for (std::size_t d = 0; d < width; ++d) {
        d_w[t - begin] +=
            c.frames[t * width + d] * c.d_frames[b * width + d] + c.attended[t * width + d] * c.d_attended[b * width + d];
      }
      mean += out.weights[t] * d_w[t - begin];
    }
    for (std::size_t t = begin; t < end; ++t) {
      const double d_s = out.weights[t] * (d_w[t - begin] - mean);
      for (std::size_t d = 0; d < width; ++d) {
        const std::size_t at = t * width + d;
        g.frames[at] = out.weights[t] * c.d_frames[b * width + d] + d_s * c.score[d];
        g.attended[at] = out.weights[t] * c.d_attended[b * width + d] + d_s * c.through[d];
        g.score[d] += d_s * c.frames[at];
        g.through[d] += d_s * c.attended[at];
      }
    }
  }
  return g;
}

void finite_differences() {
  Case c = make_case({3, 0, 1, 5}, 5, false, 77);
  const Gradients g = plain_backward(c);
  double worst = 0;
  const auto compare = [&](std::vector<double>& values, const std::vector<double>& gradient) {
    worst = worse(worst, ser::test::error_of_gradient(values, gradient, [&] { return loss(c); }));
  };
  compare(c.frames, g.frames);
  compare(c.attended, g.attended);
  compare(c.score, g.score);
  compare(c.through, g.through);
  SER_CHECK_WITHIN(worst, 1e-8, "the plain gradients against finite differences");
}

template <typename T>
struct Run {
  std::vector<float> pooled_frames, pooled_attended, weights, d_score, d_through;
  std::vector<T> d_frames, d_attended;
  friend bool same_bits(const Run& a, const Run& b) {
    const auto same = [](const auto& x, const auto& y) {
      return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(x[0])) == 0;
    };
    return same(a.pooled_frames, b.pooled_frames) && same(a.pooled_attended, b.pooled_attended) && same(a.weights, b.weights) &&
           same(a.d_score, b.d_score) && same(a.d_through, b.d_through) && same(a.d_frames, b.d_frames) &&
           same(a.d_attended, b.d_attended);
  }
};

template <typename T>
std::vector<T> narrowed(const std::vector<double>& values) {
  std::vector<T> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = static_cast<T>(static_cast<float>(values[i]));
  return out;
}

// `shift`: values that the frames lie behind a 16-byte boundary, where the kernel cannot load vectors.
template <typename T>
Run<T> run_kernels(const Case& c, bool with_weights, std::size_t shift = 0) {
  const auto rows = static_cast<std::size_t>(c.rows()), segments = static_cast<std::size_t>(c.segments()),
             width = static_cast<std::size_t>(c.width);
  std::vector<T> frames(shift, T(0.0f));
  const auto values = narrowed<T>(c.frames), attended = narrowed<T>(c.attended);
  frames.insert(frames.end(), values.begin(), values.end());
  const auto score = narrowed<float>(c.score), through = narrowed<float>(c.through), d_frames = narrowed<float>(c.d_frames),
             d_attended = narrowed<float>(c.d_attended), d_weights = narrowed<float>(c.d_weights);
  Run<T> out;
  out.pooled_frames.assign(segments * width, NAN);
  out.pooled_attended.assign(segments * width, NAN);
  out.weights.assign(rows, NAN);
  out.d_score.assign(width, NAN);
  out.d_through.assign(width, NAN);
  out.d_frames.assign(rows * width, T(NAN));
  out.d_attended.assign(rows * width, T(NAN));
  const auto floats = static_cast<std::size_t>(ser::flam_pool_scratch(c.rows(), c.segments(), c.width));
  std::vector<float> scratch(floats, NAN);

  ser::FlamPool pool;
  pool.frames = frames.data() + shift;
  pool.attended = attended.data();
  pool.half = sizeof(T) == 2;
  pool.score = score.data();
  pool.through = through.data();
  pool.offsets = c.offsets.data();
  pool.rows = c.rows();
  pool.segments = c.segments();
  pool.width = c.width;
  pool.weights = out.weights.data();
  pool.pooled_frames = out.pooled_frames.data();
  pool.pooled_attended = out.pooled_attended.data();
  pool.scratch = scratch.data();
  ser::flam_pool_forward(pool, nullptr);
  std::vector<float> other(floats, NAN);
  pool.scratch = other.data();
  ser::flam_pool_backward(pool,
                          {d_frames.data(), d_attended.data(), with_weights ? d_weights.data() : nullptr, out.d_frames.data(),
                           out.d_attended.data(), out.d_score.data(), out.d_through.data()},
                          nullptr);
  return out;
}

// Greatest difference, over 1 or the greatest value where that is more.
template <typename T>
double gap(const std::vector<T>& got, const std::vector<double>& want) {
  double worst = 0, scale = 1;
  for (std::size_t i = 0; i < want.size(); ++i) {
    worst = worse(worst, std::abs(static_cast<double>(static_cast<float>(got[i])) - want[i]));
    scale = std::max(scale, std::abs(want[i]));
  }
  return worst / scale;
}

struct Gaps {
  double forward = 0, gradient = 0, sums = 0;
  void join(const Gaps& other) {
    forward = worse(forward, other.forward);
    gradient = worse(gradient, other.gradient);
    sums = worse(sums, other.sums);
  }
};

template <typename T>
Gaps gaps_of(const Case& plain, bool with_weights, std::size_t shift = 0) {
  Case c = plain;
  if (!with_weights) std::fill(c.d_weights.begin(), c.d_weights.end(), 0.0);
  const Pooled want = plain_forward(c);
  const Gradients d = plain_backward(c);
  const Run<T> got = run_kernels<T>(c, with_weights, shift);
  return {worse(worse(gap(got.pooled_frames, want.frames), gap(got.pooled_attended, want.attended)),
                gap(got.weights, want.weights)),
          worse(gap(got.d_frames, d.frames), gap(got.d_attended, d.attended)),
          worse(gap(got.d_score, d.score), gap(got.d_through, d.through))};
}

std::string name_of(const std::vector<std::int64_t>& lengths, int width) {
  std::string out = "D = " + std::to_string(width) + ", frames";
  for (const std::int64_t length : lengths) out += " " + std::to_string(length);
  return out;
}

void against_loops() {
  struct Shape {
    std::vector<std::int64_t> lengths;
    int width;
  };
  const std::vector<Shape> shapes{{{1}, 1},       {{5, 9}, 3},       {{33, 0, 1, 64, 31}, 7}, {{0, 0, 32, 0}, 33},
                                  {{2, 65}, 130}, {{40, 1, 0}, 128}, {{17, 34}, 260},         {{2, 33}, 768},
                                  {{9}, 1024},    {{9}, 1023},       {{3, 2}, 1280},          {{0}, 8},
                                  {{130, 3}, 12}};
  for (const auto& [lengths, width] : shapes) {
    Gaps single, half;
    // Each order with another case; the widest are slow here.
    for (std::uint64_t seed = 0; seed < (width < 200 ? 3 : 1); ++seed) {
      ser::emulator::set_seed(seed + (width < 200 ? 0 : 4));
      single.join(gaps_of<float>(make_case(lengths, width, false, seed + 1), seed % 2 == 0));
      half.join(gaps_of<__nv_bfloat16>(make_case(lengths, width, true, seed + 1), seed % 2 == 1));
    }
    const std::string name = name_of(lengths, width);
    SER_CHECK_WITHIN(worse(worse(single.forward, single.gradient), single.sums), 2e-6, name + ", float");
    // bf16 frames: only their own gradients are rounded to bf16.
    SER_CHECK_WITHIN(worse(half.forward, half.sums), 2e-6, name + ", bf16");
    SER_CHECK_WITHIN(half.gradient, 4e-3, name + ", gradients rounded to bf16");
  }
  ser::emulator::set_seed(5);
  const Gaps shifted = gaps_of<float>(make_case({20, 3}, 64, false, 4), true, 1);
  SER_CHECK_WITHIN(worse(worse(shifted.forward, shifted.gradient), shifted.sums), 2e-6, "frames that no vector load may touch");
}

void repeats() {
  const Case c = make_case({70, 1, 33}, 36, false, 9);
  ser::emulator::set_seed(0);
  const Run<float> first = run_kernels<float>(c, true);
  bool same = true;
  for (std::uint64_t seed = 1; seed < 6; ++seed) {
    ser::emulator::set_seed(seed);
    same = same && same_bits(first, run_kernels<float>(c, true));
  }
  SER_CHECK(same, "the same bits in 6 orders of threads and blocks");

  // The same utterance behind others: its first chunk begins at another row.
  Case alone = make_case({33}, 36, false, 9);
  std::copy(c.frames.begin() + 71 * 36, c.frames.end(), alone.frames.begin());
  std::copy(c.attended.begin() + 71 * 36, c.attended.end(), alone.attended.begin());
  const Run<float> own = run_kernels<float>(alone, true);
  const bool equal = std::memcmp(own.pooled_frames.data(), first.pooled_frames.data() + 2 * 36, 36 * sizeof(float)) == 0 &&
                     std::memcmp(own.weights.data(), first.weights.data() + 71, 33 * sizeof(float)) == 0;
  SER_CHECK(equal, "an utterance's result does not depend on its batch mates, to the bit");
}

void extremes() {
  ser::emulator::set_seed(2);
  const Case sharp = make_case({50, 40}, 16, false, 3, 200);
  const Gaps gaps = gaps_of<float>(sharp, true);
  SER_CHECK_WITHIN(gaps.forward, 5e-4, "scores of several hundred overflow nothing");

  Case broken = make_case({5, 40}, 8, false, 4);
  broken.frames[3] = NAN;
  const Run<float> out = run_kernels<float>(broken, false);
  bool first = true, second = true;
  for (std::size_t i = 0; i < 8; ++i) {
    first = first && std::isnan(out.pooled_frames[i]);
    second = second && std::isfinite(out.pooled_frames[8 + i]);
  }
  SER_CHECK(first, "a NaN shows in its utterance");
  SER_CHECK(second, "and in no other");

  const Run<float> empty = run_kernels<float>(make_case({0, 2, 0}, 9, false, 5), false);
  bool zeros = true;
  for (std::size_t i = 0; i < 9; ++i) zeros = zeros && empty.pooled_frames[i] == 0 && empty.pooled_attended[18 + i] == 0;
  SER_CHECK(zeros, "utterances without frames have zeros");
  const Run<float> one = run_kernels<float>(make_case({1}, 9, false, 6), false);
  SER_CHECK(one.weights[0] == 1.0f, "a single frame has weight 1");
  const Run<float> none = run_kernels<float>(make_case({}, 5, false, 7), false);
  SER_CHECK(none.d_score == std::vector<float>(5), "a batch of nothing has gradients of zero");

  ser::FlamPool wide;
  wide.width = ser::kWidestPool + 1;
  SER_CHECK_ERROR(ser::flam_pool_forward(wide, nullptr), "E_ARGUMENT", "frame width");
  const auto before = ser::emulator::counters().launches;
  run_kernels<float>(make_case({40}, 8, false, 8), false);
  SER_CHECK(ser::emulator::counters().launches - before == 5, "two launches forward, three backward");
}

}  // namespace

int main() {
  finite_differences();
  against_loops();
  repeats();
  extremes();
  return ser::test::finish("pooling_kernel_test");
}
