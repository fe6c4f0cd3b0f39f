// Attention by segments, the kernels of the GPU in the emulator against double precision: values and gradients, float32 and
// bfloat16, under several orders of threads.
#include "encoder/segment_attention_kernel.cc"  // the CPU's, for its dropout

#include <cstring>
#include <random>

#include "encoder/segment_attention_backward.cu"
#include "encoder/segment_attention_forward.cu"
#include "test/check.h"
#include "test/cuda/finite_differences.h"
#include "test/cuda/segment_attention_reference.h"

namespace {

using ser::test::AttentionCase;
using ser::test::AttentionInputs;
using ser::test::AttentionResult;
using ser::test::Bounded;

// Results of the kernels; filled with NaN before, so that an element nobody wrote shows.
template <typename T>
struct Run {
  std::vector<T> out, d_qkv;
  std::vector<float> log_sum, d_gate, d_table;

  bool same_bits(const Run& other) const {
    const auto same = [](const auto& x, const auto& y) {
      return x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof x[0]) == 0;
    };
    return same(out, other.out) && same(d_qkv, other.d_qkv) && same(log_sum, other.log_sum) && same(d_gate, other.d_gate) &&
           same(d_table, other.d_table);
  }
};

template <typename T>
std::vector<T> rounded_to(const std::vector<double>& x) {
  std::vector<T> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = T(static_cast<float>(x[i]));
  return y;
}

template <typename T>
Run<T> run(const AttentionCase& c, const AttentionInputs& in, bool slopes) {
  constexpr bool kBf16 = sizeof(T) == 2;
  const auto qkv = rounded_to<T>(in.qkv), up = rounded_to<T>(in.up);
  const auto gate = rounded_to<float>(in.gate), table = rounded_to<float>(in.table);
  ser::AttentionLaunch launch;
  launch.offsets = c.offsets.data();
  const std::vector<std::int64_t> keys(c.keys.begin(), c.keys.end());
  launch.keys = c.dropout > 0 ? keys.data() : nullptr;
  launch.count = static_cast<int>(c.offsets.size()) - 1;
  for (int b = 0; b < launch.count; ++b) {
    const std::size_t at = static_cast<std::size_t>(b);
    launch.longest = std::max(launch.longest, static_cast<int>(c.offsets[at + 1] - c.offsets[at]));
  }
  launch.heads = c.heads;
  launch.head_width = c.width;
  launch.rows = c.offsets.back();
  if (c.reach > 0) {
    launch.gate = gate.data();
    launch.table = table.data();
    launch.reach = c.reach;
  }
  launch.mask.threshold = c.threshold();
  launch.mask.scale = c.keep_scale();
  launch.mask.key = c.key;
  launch.mask.step = c.step;
  if (!ser::attention_cuda_fits(launch, kBf16)) throw std::runtime_error("a case that the kernels refuse");

  Run<T> result;
  result.out.assign(c.rows() * c.columns(), T(NAN));
  result.d_qkv.assign(c.rows() * 3 * c.columns(), T(NAN));
  result.log_sum.assign(c.rows() * static_cast<std::size_t>(c.heads), NAN);
  std::vector<float> delta(result.log_sum.size(), NAN), scratch;
  ser::launch_attention_forward(launch, kBf16, qkv.data(), result.out.data(), result.log_sum.data(), nullptr);
  ser::AttentionBackward data{qkv.data(), result.out.data(), result.log_sum.data(),
                              up.data(),  delta.data(),      result.d_qkv.data()};
  if (slopes) {
    result.d_gate.assign(gate.size(), NAN);
    result.d_table.assign(table.size(), NAN);
    scratch.assign(static_cast<std::size_t>(ser::attention_table_scratch(launch)), NAN);
    data.d_gate = result.d_gate.data();
    data.d_table = result.d_table.data();
    data.table_scratch = scratch.data();
  }
  ser::launch_attention_backward(launch, kBf16, data, nullptr);
  return result;
}

// The largest share of its bound that an element's error takes; NaN counts as infinite.
template <typename T>
double share(const std::vector<T>& got, const Bounded& want) {
  double worst = got.size() == want.value.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < got.size() && i < want.value.size(); ++i) {
    const double part = std::abs(static_cast<double>(static_cast<float>(got[i])) - want.value[i]) / (want.bound[i] + 1e-30);
    worst = part <= worst ? worst : std::isnan(part) ? INFINITY : part;
  }
  return worst;
}

AttentionCase make_case(const std::vector<std::int64_t>& lengths, int heads, int width, int reach, double dropout) {
  AttentionCase c;
  for (const std::int64_t length : lengths) {
    c.offsets.push_back(c.offsets.back() + length);
    c.keys.push_back(static_cast<std::uint32_t>(40 + 3 * c.keys.size()));
  }
  c.heads = heads;
  c.width = width;
  c.reach = reach;
  c.dropout = dropout;
  return c;
}

// Values of the size that a trained model has: scores of some units, weights far from even.
template <typename T>
AttentionInputs make_inputs(const AttentionCase& c, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  AttentionInputs in;
  const auto fill = [&](std::vector<double>& x, std::size_t n, double size, auto round) {
    x.resize(n);
    for (double& value : x) value = static_cast<float>(round(static_cast<float>(normal(random) * size)));
  };
  const auto to_type = [](float x) { return T(x); };
  const auto to_float = [](float x) { return x; };
  fill(in.qkv, c.rows() * 3 * c.columns(), 1.5, to_type);
  fill(in.up, c.rows() * c.columns(), 1, to_type);
  if (c.reach > 0) {
    fill(in.gate, c.rows() * static_cast<std::size_t>(c.heads), 1, to_float);
    fill(in.table, static_cast<std::size_t>(c.heads) * c.span(), 1, to_float);
  }
  return in;
}

template <typename T>
void check_case(const AttentionCase& c, const std::string& name) {
  constexpr int kSeeds = 3;  // the last is even: asynchronous copies take place at once
  const AttentionInputs in = make_inputs<T>(c, 11);
  const AttentionResult want = ser::test::reference_attention(c, in, sizeof(T) == 2 ? 0x1p-8 : 0);
  Run<T> first;
  bool repeats = true;
  for (int seed = 0; seed < kSeeds; ++seed) {
    ser::emulator::set_seed(static_cast<std::uint64_t>(seed));
    const Run<T> got = run<T>(c, in, c.reach > 0);
    if (seed == 0) {
      first = got;
    } else {
      repeats = repeats && first.same_bits(got);
    }
  }
  SER_CHECK_WITHIN(share(first.out, want.out), 1, name + ", output");
  SER_CHECK_WITHIN(share(first.log_sum, want.log_sum), 1, name + ", log-sum");
  SER_CHECK_WITHIN(share(first.d_qkv, want.d_qkv), 1, name + ", gradient of q, k and v");
  if (c.reach > 0) {
    SER_CHECK_WITHIN(share(first.d_gate, want.d_gate), 1, name + ", gradient of the gate");
    SER_CHECK_WITHIN(share(first.d_table, want.d_table), 1, name + ", gradient of the table");
  }
  SER_CHECK(repeats, name + ", the same bits under " + std::to_string(kSeeds) + " orders of threads");
}

// The reference's gradients against differences of its own outputs.
void check_reference() {
  const AttentionCase c = make_case({5, 1, 9}, 2, 8, 12, 0.3);
  AttentionInputs in = make_inputs<float>(c, 5);
  const AttentionResult at = ser::test::reference_attention(c, in, 0);
  double worst = 0;
  const auto loss = [&] {
    const AttentionResult moved = ser::test::reference_attention(c, in, 0);
    double sum = 0;
    for (std::size_t e = 0; e < in.up.size(); ++e) sum += in.up[e] * moved.out.value[e];
    return sum;
  };
  const auto compare = [&](std::vector<double>& x, const Bounded& slope) {
    worst = ser::test::worse(worst, ser::test::error_of_gradient(x, slope.value, loss, 1e-5, /*every=*/3));
  };
  compare(in.qkv, at.d_qkv);
  compare(in.gate, at.d_gate);
  compare(in.table, at.d_table);
  SER_CHECK_WITHIN(worst, 1e-7, "gradients of the reference against differences of its outputs");
}

void check_edges() {
  const auto fits = [](int width, int heads, bool bf16) {
    ser::AttentionLaunch launch;
    launch.head_width = width;
    launch.heads = heads;
    launch.count = 1;
    launch.longest = 10;
    return ser::attention_cuda_fits(launch, bf16);
  };
  SER_CHECK(fits(64, 16, true) && fits(8, 1, true) && fits(36, 4, false), "heads of whole 16 bytes up to 64 wide fit");
  SER_CHECK(!fits(36, 4, true) && !fits(9, 4, false) && !fits(72, 2, false) && !fits(64, 257, true), "and no others");

  const AttentionCase nothing = make_case({0, 0}, 2, 64, 3, 0);
  const auto launches = ser::emulator::counters().launches;
  const Run<float> empty = run<float>(nothing, make_inputs<float>(nothing, 1), true);
  SER_CHECK(empty.d_table == std::vector<float>(10, 0.0f), "without a single row the table's gradient is zero");
  SER_CHECK(ser::emulator::counters().launches - launches == 1, "and nothing else is launched");

  const AttentionCase some = make_case({70}, 2, 32, 70, 0);
  const AttentionInputs in = make_inputs<float>(some, 2);
  const auto before = ser::emulator::counters().launches;
  const Run<float> whole = run<float>(some, in, true);
  SER_CHECK(ser::emulator::counters().launches - before == 5, "forward takes one launch, backward four");
  const Run<float> part = run<float>(some, in, false);
  SER_CHECK(part.d_gate.empty() && std::memcmp(part.d_qkv.data(), whole.d_qkv.data(), whole.d_qkv.size() * 4) == 0,
            "gradients of q, k and v do not depend on whether the bias wants any");
}

struct Check {
  const char* name;
  bool bf16;
  AttentionCase what;
};

}  // namespace

int main() {
  check_reference();
  check_edges();
  const std::vector<std::int64_t> lengths = {1, 63, 0, 64, 2, 65, 130};
  // Small ones first: the first that fails ends the program.
  const Check checks[] = {
      {"float32, heads 36 wide", false, make_case({67, 3}, 3, 36, 67, 0)},
      {"bfloat16, heads 8 wide", true, make_case({67, 3}, 3, 8, 80, 0.5)},
      {"bfloat16, heads 32 wide", true, make_case({64, 40}, 2, 32, 0, 0.2)},
      {"bfloat16 with bias and dropout", true, make_case(lengths, 1, 64, 131, 0.1)},
      {"float32 with bias and dropout", false, make_case(lengths, 1, 64, 131, 0.1)},
      {"bfloat16, four tiles with bias", true, make_case({20, 200}, 1, 64, 200, 0)},
      {"bfloat16 plain", true, make_case({129, 66}, 1, 64, 0, 0)},
      {"float32 plain", false, make_case({129, 66}, 1, 64, 0, 0)},
  };
  for (const Check& check : checks) {
    if (check.bf16) {
      check_case<__nv_bfloat16>(check.what, check.name);
    } else {
      check_case<float>(check.what, check.name);
    }
    if (ser::test::failures() > 0) break;
  }
  return ser::test::finish("segment_attention_kernel_test");
}
