// Rows of a batch and how they are mixed, drawn for tests of mixing.
#pragma once

#include <cstdint>

#include "engine/engine.h"

namespace ser::test {

struct MixPlan {
  Rows rows;
  MixRows mix;
};

// What is decided of a row; where it lies is drawn.
struct RowShape {
  std::int64_t length, partner, segment;
  bool active;
};

// Adds a row from a store of so many samples. pick(low, high) gives a whole number from low to high. Every third segment ends where
// the row or its partner does, and some of both end with the store.
template <typename Pick>
void add_row(MixPlan& plan, std::int64_t samples, const RowShape& shape, const Pick& pick) {
  const auto place = [&](std::int64_t last, std::int64_t one_in) { return pick(1, one_in) == 1 ? last : pick(0, last); };
  plan.rows.keys.push_back(static_cast<std::uint32_t>(plan.rows.keys.size()));
  plan.rows.offsets.push_back(place(samples - shape.length, 8));
  plan.rows.lengths.push_back(shape.length);
  if (plan.mix.kind == MixKind::none) return;
  plan.mix.active.push_back(shape.active);
  plan.mix.partner_offsets.push_back(place(samples - shape.partner, 8));
  plan.mix.partner_lengths.push_back(shape.partner);
  plan.mix.segment_lengths.push_back(shape.segment);
  plan.mix.starts.push_back(place(shape.length - shape.segment, 3));
  plan.mix.partner_starts.push_back(place(shape.partner - shape.segment, 3));
  plan.mix.snr.push_back(-5 + 0.015 * static_cast<double>(pick(0, 1000)));
  plan.mix.lambda.push_back(0.001 * static_cast<double>(pick(0, 1000)));
}

}  // namespace ser::test
