// Dropout on the device against the host's draws, bit for bit.
#include "engine/dropout.cu"
#include "test/check.h"
#include "test/cuda/masks.h"
#include "test/cuda/values.h"

namespace {

using ser::cuda::RowMask;
using ser::test::Batch;
using ser::test::factors;
using ser::test::random_values;

template <typename X, typename Y>
void against_reference(const Batch& batch, std::int64_t width, double p, double scale, bool shared, bool with_residual,
                       std::int64_t shift) {
  const std::int64_t count = batch.rows() * width;
  const RowMask mask = batch.mask(p, scale, shared);
  // `shift` elements before the rows, so that they are not aligned.
  const std::vector<X> x = random_values<X>(count + shift, 5);
  const std::vector<Y> residual = random_values<Y>(count + shift, 6);
  const std::vector<double> factor = factors(batch, width, mask.mask);
  std::vector<Y> expected(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const float product = static_cast<float>(x[i + static_cast<std::size_t>(shift)]) * static_cast<float>(factor[i]);
    expected[i] = Y(with_residual ? product + static_cast<float>(residual[i + static_cast<std::size_t>(shift)]) : product);
  }
  bool same = true;
  for (const std::uint64_t seed : {0, 1, 2}) {
    if (seed == 2 && width > 500) continue;  // a fiber costs time
    ser::emulator::set_seed(seed);
    std::vector<Y> y(static_cast<std::size_t>(count + shift), Y(99.0f));
    ser::cuda::dropout(x.data() + shift, with_residual ? residual.data() + shift : nullptr, y.data() + shift, batch.rows(),
                       width, mask, nullptr);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      same = same && static_cast<float>(y[i + static_cast<std::size_t>(shift)]) == static_cast<float>(expected[i]);
    }
    for (std::int64_t i = 0; i < shift; ++i) same = same && static_cast<float>(y[static_cast<std::size_t>(i)]) == 99.0f;
  }
  SER_CHECK(same, ser::test::type_name<X>() + " to " + ser::test::type_name<Y>() + ", " + std::to_string(batch.rows()) + " x " +
                      std::to_string(width) + ", p = " + ser::test::figure(p) + (shared ? ", shared" : "") +
                      (with_residual ? ", residual" : "") + (shift > 0 ? ", not aligned" : ""));
}

}  // namespace

int main() {
  for (const std::int64_t width : {1, 7, 33, 128, 144, 384, 1024}) {
    // Empty utterances at both ends and in the middle.
    const Batch batch({0, 3, 0, 0, 1, 5, 0});
    for (const bool shared : {false, true}) {
      against_reference<float, float>(batch, width, 0.1, 1, shared, false, 0);
      against_reference<__nv_bfloat16, __nv_bfloat16>(batch, width, 0.3, 0.5, shared, true, 0);
      against_reference<__nv_bfloat16, float>(batch, width, 0.5, 1, shared, true, width == 384 ? 1 : 0);
      against_reference<float, __nv_bfloat16>(batch, width, 0.1, 1, shared, false, width == 1024 ? 3 : 0);
    }
  }
  against_reference<float, float>(Batch({1}), 1, 0.5, 1, false, true, 0);
  against_reference<float, float>(Batch({4, 2}), 256, 0, 0.25, false, true, 0);
  against_reference<float, float>(Batch({}), 16, 0.5, 1, false, true, 0);
  return ser::test::finish("dropout_kernel_test");
}
