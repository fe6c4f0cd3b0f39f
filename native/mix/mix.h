// Mixing of utterances by a plan: energy-adaptive mixup (EAM) and the label-adaptive mixup baseline (LAM).
//
// Source: Wang et al., arXiv 2512.04551; what is marked (ours) is our reading. Every random choice stands in the plan; what
// is done here is arithmetic, and it is bit-equal on every device and between replays: integer sums of squares, the scale
// computed in double and rounded once to float, one explicit fused multiply-add a sample. Nothing is clipped.
#pragma once

#include <cstdint>

#include "engine/engine.h"

namespace ser {

// The samples that a plan may refer to; `data` outlives the calls.
struct SampleView {
  const std::int16_t* data = nullptr;
  std::int64_t size = 0;
};

// Power of a segment under which it counts as silent (ours): 1e-8 of the square of full scale.
inline constexpr double kSilentPower = 1e-8;

// Throws Error("E_ARGUMENT") with a sentence where row `b` of a plan reaches outside its utterances or the samples.
void check_rows(const SampleView& samples, const Rows& rows);
void check_mix(const SampleView& samples, const Rows& rows, const MixRows& mix);

// Samples of row `b` after mixing: LAM pads the shorter utterance to the longer (ours), EAM keeps the base's length.
std::int64_t mixed_length(const Rows& rows, const MixRows& mix, std::size_t b);

// Writes row `b`, mixed_length samples of full scale 1, to `out`. Returns true where the mix was skipped because a segment
// was silent; then `out` is the base as it stands (for LAM with zeros after it) and its label must stay unmixed.
bool mix_row(const SampleView& samples, const Rows& rows, const MixRows& mix, std::size_t b, float* out);

// The same in plain loops: the oracle of the tests.
bool mix_row_reference(const SampleView& samples, const Rows& rows, const MixRows& mix, std::size_t b, float* out);

// y = (1 - lambda) y_i + lambda y_j, in place over `labels` (rows x classes); rows that are inactive or skipped stay.
void mix_labels(const MixRows& mix, const std::vector<std::uint8_t>& skipped, const std::vector<float>& partner_labels,
                std::int64_t classes, std::vector<float>& labels);

}  // namespace ser
