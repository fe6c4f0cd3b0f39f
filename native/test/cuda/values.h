// Values for tests of kernels: random ones, and what they are in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "cuda/kernel.h"

namespace ser::test {

template <typename T>
constexpr bool is_bf16 = std::is_same_v<T, __nv_bfloat16>;

template <typename T>
std::string type_name() {
  return is_bf16<T> ? "bf16" : "float32";
}

template <typename T>
std::vector<T> random_values(std::int64_t count, std::uint64_t seed, float scale = 1, float shift = 0) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> draw;
  std::vector<T> out(static_cast<std::size_t>(count));
  for (T& value : out) value = T(shift + scale * draw(random));
  return out;
}

template <typename T>
std::vector<double> in_double(const std::vector<T>& values) {
  std::vector<double> out;
  out.reserve(values.size());
  for (const T value : values) out.push_back(static_cast<double>(static_cast<float>(value)));
  return out;
}

// Largest difference as a share of the largest reference value (or of 1, where all are smaller). Infinite where a value is
// NaN, which a maximum of several errors would lose.
template <typename T>
double relative_error(const std::vector<T>& found, const std::vector<double>& expected) {
  if (found.size() != expected.size()) return INFINITY;
  double most = 0, size = 1;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double error = std::abs(static_cast<double>(static_cast<float>(found[i])) - expected[i]);
    if (std::isnan(error)) return INFINITY;
    most = std::max(most, error);
    size = std::max(size, std::abs(expected[i]));
  }
  return most / size;
}

// Of one rounding to T.
template <typename T>
constexpr double rounding = is_bf16<T> ? 0x1p-8 : 0x1p-23;

}  // namespace ser::test
