// A packed batch and its dropout masks, element by element, for tests of kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "cuda/row_mask.h"

namespace ser::test {

struct Batch {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int64_t> keys;
  explicit Batch(const std::vector<std::int64_t>& lengths) {
    for (const std::int64_t length : lengths) {
      offsets.push_back(offsets.back() + length);
      keys.push_back(static_cast<std::int64_t>(17 + 5 * keys.size()));
    }
  }
  std::int64_t rows() const { return offsets.back(); }
  cuda::RowMask mask(double p, double scale, bool shared) const {
    DropoutKey key{(std::uint64_t{3} << 32) + 9, 4, 21, shared};
    return {make_dropout_mask(p, scale, key), offsets.data(), keys.data(), static_cast<std::int64_t>(keys.size())};
  }
};

// What engine/dropout_mask.h says, element by element.
inline std::vector<double> factors(const Batch& batch, std::int64_t width, const DropoutMask& mask) {
  std::vector<double> out;
  for (std::size_t b = 0; b < batch.keys.size(); ++b) {
    for (std::int64_t t = 0; t < batch.offsets[b + 1] - batch.offsets[b]; ++t) {
      for (std::int64_t d = 0; d < width; ++d) {
        const auto e = static_cast<std::uint64_t>(mask.shared ? d : t * width + d);
        const std::uint32_t draw = philox_draw(e, static_cast<std::uint32_t>(e / 8 >> 32),
                                               static_cast<std::uint32_t>(batch.keys[b]), mask.step, mask.key);
        out.push_back(draw >= mask.threshold ? mask.scale : 0.0);
      }
    }
  }
  return out;
}

}  // namespace ser::test
