// A mix plan as the device reads it: one entry an utterance, with everything that must be computed on the host to be equal
// on every device (10^(r/10) is a library function, whose last bit differs between host and GPU).
#pragma once

#include <cstdint>
#include <vector>

#include "mix/mix.h"

namespace ser {

struct MixEntry {
  std::int64_t base = 0;      // the utterance's first sample among those on the device
  std::int64_t length = 0;    // L_i
  std::int64_t partner = 0;   // the first of the partner's samples that are added
  std::int64_t added = 0;     // how many are; 0 where the row is not mixed
  std::int64_t start = 0;     // the utterance's sample that the first of them is added to
  std::int64_t mixed = 0;     // samples after mixing
  std::int64_t slot = 0;      // its first sample in the batch
  std::int64_t reserved = 0;  // samples of the batch from there on: `mixed`, and zeros up to a multiple of `align`
  double ratio = 1;           // EAM: 10^(r/10)
  double silent = 0;          // EAM: a segment whose sum of squares is less counts as silent
  double noise = 0;           // 10^(signal-to-noise ratio / 10) of the white noise; 0 for none
  float lambda = 0;           // weight of the partner's label
  float gain = 1;             // of the mixed utterance
  std::uint32_t key = 0;      // names the noise
  MixKind kind = MixKind::none;
};

// Where the samples of each row lie on the device: at their own places, where the whole store is there.
struct SamplePlaces {
  std::vector<std::int64_t> base, partner;
};
SamplePlaces places_in_store(const Rows& rows, const MixRows& mix);

// Samples of row b's partner that are added, and the first of them counted from the partner's first sample.
struct AddedPart {
  std::int64_t first = 0, count = 0;
};
AddedPart added_part(const MixRows& mix, std::size_t b);

// Entries of a checked plan (check_rows, check_mix). Each utterance begins at a multiple of `align` samples.
std::vector<MixEntry> mix_entries(const Rows& rows, const MixRows& mix, const SamplePlaces& places, std::int64_t align);

// Adds gain and noise of a checked augmentation (check_augment); changes of speed are the CPU's. Returns whether any row has
// noise.
bool add_augment(const Rows& rows, const AugmentRows& augment, std::vector<MixEntry>& entries);

// Samples of the batch that the entries lay out.
inline std::int64_t batch_samples(const std::vector<MixEntry>& entries) {
  return entries.empty() ? 0 : entries.back().slot + entries.back().reserved;
}

}  // namespace ser
