#include "audio/store_placement.h"

#include <algorithm>

namespace ser {

std::uint64_t store_reserve(std::uint64_t total_bytes) {
  return std::max<std::uint64_t>(total_bytes / 5 * 3, std::uint64_t{2} << 30);
}

bool store_fits(std::int64_t samples, std::uint64_t free_bytes, std::uint64_t reserve_bytes) {
  const auto bytes = static_cast<std::uint64_t>(samples) * sizeof(std::int16_t);
  return free_bytes >= reserve_bytes && free_bytes - reserve_bytes >= bytes;
}

Staging stage_rows(const Rows& rows, const MixRows& mix) {
  Staging staging;
  const auto add = [&](std::int64_t from, std::int64_t count) {
    const std::int64_t to = staging.samples;
    staging.spans.push_back({from, count, to});
    staging.samples += (count + 7) / 8 * 8;
    return to;
  };
  for (std::size_t b = 0; b < rows.offsets.size(); ++b) {
    staging.places.base.push_back(add(rows.offsets[b], rows.lengths[b]));
    const AddedPart part = added_part(mix, b);
    staging.places.partner.push_back(part.count > 0 ? add(mix.partner_offsets[b] + part.first, part.count) : 0);
  }
  return staging;
}

void copy_span(const SampleView& samples, const StagedSpan& span, std::int16_t* buffer) {
  std::copy_n(samples.data + span.from, span.count, buffer + span.to);
}

}  // namespace ser
