// The fused AdamW against the algorithm in double: several steps, clipping, a step that is skipped, runs of odd lengths.
#include "test/check.h"
#include "test/cuda/values.h"
#include "train/adamw.cu"

namespace {

using ser::cuda::AdamCoefficients;
using ser::cuda::AdamConfig;
using ser::cuda::AdamRun;
using ser::cuda::AdamTable;
using ser::test::random_values;

struct Setting {
  double decay, rate;
  int which_rate;
  bool average;
};

// One run of parameters, and the same in double.
struct Parameters {
  Parameters(std::int64_t length, std::int64_t shift, const Setting& setting, std::uint64_t seed)
      : setting(setting), length(length), shift(shift) {
    value = random_values<float>(length + shift, seed);
    first = std::vector<float>(value.size(), 0.0f);
    second = first;
    average = value;
    started = value;
    w = ser::test::in_double(value);
    a = w;
    m.assign(w.size(), 0);
    v.assign(w.size(), 0);
  }

  void draw_gradient(std::uint64_t seed) { gradient = random_values<float>(length + shift, seed, 0.3f); }

  AdamRun run(std::int64_t first_chunk) {
    return {value.data() + shift,
            gradient.data() + shift,
            first.data() + shift,
            second.data() + shift,
            setting.average ? average.data() + shift : nullptr,
            length,
            first_chunk,
            static_cast<float>(setting.decay),
            setting.rate,
            setting.which_rate};
  }

  double square() const {
    double sum = 0;
    for (std::size_t i = static_cast<std::size_t>(shift); i < gradient.size(); ++i)
      sum += static_cast<double>(gradient[i]) * static_cast<double>(gradient[i]);
    return sum;
  }

  // Algorithm 2 of the paper.
  void step_in_double(const AdamConfig& config, double norm, double rate, int t) {
    const double scale = config.clip > 0 ? std::max(1.0, (norm + 1e-6) / config.clip) : 1.0;
    const double own = rate * setting.rate;
    const double keep = std::min((t + 1.0) / (t + 10.0), config.average_decay);
    for (std::size_t i = static_cast<std::size_t>(shift); i < w.size(); ++i) {
      const double g = static_cast<double>(gradient[i]) / scale;
      m[i] = config.beta1 * m[i] + (1 - config.beta1) * g;
      v[i] = config.beta2 * v[i] + (1 - config.beta2) * g * g;
      const double m_hat = m[i] / (1 - std::pow(config.beta1, t)), v_hat = v[i] / (1 - std::pow(config.beta2, t));
      w[i] -=
          own * (m_hat / (std::sqrt(v_hat) + config.epsilon) + static_cast<double>(static_cast<float>(setting.decay)) * w[i]);
      a[i] = keep * a[i] + (1 - keep) * w[i];
    }
  }

  Setting setting;
  std::int64_t length, shift;
  std::vector<float> value, gradient, first, second, average, started;
  std::vector<double> w, m, v, a;
};

struct Table {
  explicit Table(std::vector<Parameters>& all) {
    for (Parameters& parameters : all) {
      runs.push_back(parameters.run(chunks));
      chunks += ser::cuda::adam_chunks(parameters.length);
    }
  }
  AdamTable on_device() const { return {runs.data(), static_cast<int>(runs.size()), chunks}; }
  std::vector<AdamRun> runs;
  std::int64_t chunks = 0;
};

bool same(const std::vector<float>& x, const std::vector<float>& y) {
  return x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
}

void train(const std::string& what, const AdamConfig& config, std::uint64_t seed) {
  ser::emulator::set_seed(seed);
  // A run of nothing, of one value, with tails, of several chunks, at an odd address.
  std::vector<Parameters> all;
  all.emplace_back(40, 0, Setting{0.05, 1, 0, true}, 1);
  all.emplace_back(0, 0, Setting{0.05, 1, 0, true}, 2);
  all.emplace_back(1, 0, Setting{0, 0.7, 0, true}, 3);
  all.emplace_back(33, 1, Setting{0.01, 0.5, 0, true}, 4);
  all.emplace_back(32768 + 2051, 0, Setting{0.1, 0.25, 0, true}, 5);
  all.emplace_back(2 * 32768, 3, Setting{0, 0.125, 0, false}, 6);
  all.emplace_back(7, 0, Setting{0, 1, 1, false}, 7);
  AdamCoefficients coefficients;
  float steps = 0;
  double norm = 0, most = 0, norm_error = 0;
  bool guards = true, kept = true;
  int t = 0;
  for (int round = 0; round < 4; ++round) {
    const double rate = 0.01 / (1 + round), center_rate = 0.5;
    for (Parameters& parameters : all) parameters.draw_gradient(static_cast<std::uint64_t>(100 * round + parameters.length));
    const Table table(all);
    std::vector<double> partial(static_cast<std::size_t>(table.chunks), NAN);
    double square = 0;
    for (const Parameters& parameters : all) square += parameters.square();
    ser::cuda::adam_norm(table.on_device(), partial.data(), &norm, nullptr);
    norm_error = std::max(norm_error, std::abs(norm - std::sqrt(square)) / std::sqrt(square));
    ser::cuda::adam_rates(&coefficients, rate, center_rate, nullptr);
    if (round == 2) {
      const std::vector<Parameters> before = all;
      const float bad = 1;
      ser::cuda::adam_update(table.on_device(), config, &norm, &bad, &steps, &coefficients, nullptr);
      for (std::size_t i = 0; i < all.size(); ++i) {
        kept = kept && same(before[i].value, all[i].value) && same(before[i].first, all[i].first) &&
               same(before[i].second, all[i].second) && same(before[i].average, all[i].average);
      }
      continue;
    }
    const float bad = 0;
    ser::cuda::adam_update(table.on_device(), config, &norm, &bad, &steps, &coefficients, nullptr);
    ++t;
    for (Parameters& p : all) p.step_in_double(config, std::sqrt(square), p.setting.which_rate == 1 ? center_rate : rate, t);
    for (const Parameters& p : all) {
      most = std::max({most, ser::test::relative_error(p.value, p.w), ser::test::relative_error(p.first, p.m),
                       ser::test::relative_error(p.second, p.v)});
      if (p.setting.average) most = std::max(most, ser::test::relative_error(p.average, p.a));
      for (std::size_t i = 0; i < static_cast<std::size_t>(p.shift); ++i)
        guards = guards && p.first[i] == 0.0f && p.second[i] == 0.0f && p.value[i] == p.started[i];
    }
  }
  SER_CHECK_WITHIN(most, 3e-6, what + "weights, moments and averages of four steps");
  SER_CHECK_WITHIN(norm_error, 1e-12, what + "norm of all gradients");
  SER_CHECK(guards, what + "nothing before a run is touched");
  SER_CHECK(kept, what + "a bad step leaves every tensor as it was");
  SER_CHECK(steps == 3, what + "the device counts three of four steps, one being bad");
}

void launches() {
  std::vector<Parameters> all;
  for (std::uint64_t i = 0; i < 50; ++i) all.emplace_back(5, 0, Setting{0.1, 1, 0, true}, i);
  for (Parameters& parameters : all) parameters.draw_gradient(1);
  const Table table(all);
  std::vector<double> partial(static_cast<std::size_t>(table.chunks));
  AdamCoefficients coefficients;
  float steps = 0, bad = 0;
  double norm = 0;
  const std::uint64_t before = ser::emulator::counters().launches;
  ser::cuda::adam_norm(table.on_device(), partial.data(), &norm, nullptr);
  ser::cuda::adam_update(table.on_device(), {}, &norm, &bad, &steps, &coefficients, nullptr);
  SER_CHECK(ser::emulator::counters().launches - before == 4, "norm and update of 50 runs are four launches");
}

void non_finite() {
  std::vector<Parameters> all;
  all.emplace_back(100, 0, Setting{0.1, 1, 0, false}, 1);
  all[0].draw_gradient(2);
  for (const float value : {INFINITY, -INFINITY, NAN}) {
    all[0].gradient[77] = value;
    const Table table(all);
    std::vector<double> partial(1);
    double norm = 0;
    ser::cuda::adam_norm(table.on_device(), partial.data(), &norm, nullptr);
    SER_CHECK(!std::isfinite(norm), "a gradient of " + ser::test::figure(value) + " shows in the norm");
  }
  std::vector<double> none;
  double norm = 5;
  ser::cuda::adam_norm({nullptr, 0, 0}, none.data(), &norm, nullptr);
  SER_CHECK(norm == 0, "no gradients have norm 0");
}

}  // namespace

int main() {
  AdamConfig config;
  config.average_decay = 0.999;
  train("no clipping: ", config, 0);
  config.clip = 1;
  train("clipped: ", config, 1);
  config.clip = 1e6;
  config.beta1 = 0.4;  // so that a moment moves by more than half
  config.beta2 = 0.98;
  config.average_decay = 0.05;
  train("other settings: ", config, 2);
  launches();
  non_finite();
  return ser::test::finish("adamw_kernel_test");
}
