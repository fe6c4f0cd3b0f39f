// Gradients of a reference in double against what its own values say.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "test/check.h"

namespace ser::test {

// Greatest error of `gradient` against central differences of loss(), a function of `values`, each of which is moved by `step` and
// put back; of several thousand values every n-th may do. NaN where one of them is.
template <typename Loss>
double error_of_gradient(std::vector<double>& values, const std::vector<double>& gradient, const Loss& loss, double step = 1e-5,
                         std::size_t every = 1) {
  if (gradient.size() != values.size()) return INFINITY;
  double most = 0;
  for (std::size_t i = 0; i < values.size(); i += every) {
    const double value = values[i];
    values[i] = value + step;
    const double above = loss();
    values[i] = value - step;
    const double below = loss();
    values[i] = value;
    most = worse(most, std::abs((above - below) / (2 * step) - gradient[i]));
  }
  return most;
}

}  // namespace ser::test
