#include "mix/mix_entries.h"

#include <algorithm>
#include <cmath>

namespace ser {

AddedPart added_part(const MixRows& mix, std::size_t b) {
  if (mix.kind == MixKind::none || mix.active[b] == 0) return {};
  if (mix.kind == MixKind::lam) return {0, mix.partner_lengths[b]};
  return {mix.partner_starts[b], mix.segment_lengths[b]};
}

SamplePlaces places_in_store(const Rows& rows, const MixRows& mix) {
  SamplePlaces places;
  places.base = rows.offsets;
  for (std::size_t b = 0; b < rows.offsets.size(); ++b) {
    const AddedPart part = added_part(mix, b);
    places.partner.push_back(part.count > 0 ? mix.partner_offsets[b] + part.first : 0);
  }
  return places;
}

std::vector<MixEntry> mix_entries(const Rows& rows, const MixRows& mix, const SamplePlaces& places, std::int64_t align) {
  std::vector<MixEntry> entries(rows.offsets.size());
  std::int64_t slot = 0;
  for (std::size_t b = 0; b < entries.size(); ++b) {
    MixEntry& entry = entries[b];
    entry.base = places.base[b];
    entry.length = entry.mixed = rows.lengths[b];
    entry.slot = slot;
    if (const AddedPart part = added_part(mix, b); part.count > 0) {
      entry.kind = mix.kind;
      entry.partner = places.partner[b];
      entry.added = part.count;
      entry.lambda = static_cast<float>(mix.lambda[b]);
      if (mix.kind == MixKind::eam) {
        entry.start = mix.starts[b];
        entry.ratio = std::pow(10.0, mix.snr[b] / 10.0);
        entry.silent = kSilentPower * 1073741824.0 * static_cast<double>(part.count);
      } else {
        entry.mixed = std::max(entry.length, part.count);
      }
    }
    entry.reserved = (entry.mixed + align - 1) / align * align;
    slot += entry.reserved;
  }
  return entries;
}

bool add_augment(const Rows& rows, const AugmentRows& augment, std::vector<MixEntry>& entries) {
  bool noises = false;
  for (std::size_t b = 0; b < entries.size(); ++b) {
    if (!augment.gain.empty()) {
      entries[b].gain = static_cast<float>(std::pow(10.0, static_cast<double>(augment.gain[b]) / 20));
    }
    if (augment.noise.empty() || std::isnan(augment.noise[b])) continue;
    entries[b].noise = std::pow(10.0, static_cast<double>(augment.noise[b]) / 10);
    entries[b].key = rows.keys[b];
    noises = true;
  }
  return noises;
}

}  // namespace ser
