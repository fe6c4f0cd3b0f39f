// Where the samples of a corpus are kept for mixing on a GPU, and what of them a batch needs. Plain C++, so that it is tested
// without a GPU.
#pragma once

#include <cstdint>
#include <vector>

#include "mix/mix_entries.h"

namespace ser {

// Bytes of a GPU's memory that a corpus must leave free: what a training step of a large encoder takes, 60 % of the memory and
// at least 2 GiB.
std::uint64_t store_reserve(std::uint64_t total_bytes);

// Whether a corpus of so many samples lies on the GPU as a whole: beside it, the reserve must stay free.
bool store_fits(std::int64_t samples, std::uint64_t free_bytes, std::uint64_t reserve_bytes);

// `count` samples of the store, from `from` on, go to `to` of a buffer.
struct StagedSpan {
  std::int64_t from = 0, count = 0, to = 0;
};

// The samples that a batch needs, one span after the other: of an unmixed row its own, of a mixed one also the added part of
// its partner. Each span begins at a multiple of 8 samples (16 bytes).
struct Staging {
  std::vector<StagedSpan> spans;
  SamplePlaces places;
  std::int64_t samples = 0;  // of the buffer
};
Staging stage_rows(const Rows& rows, const MixRows& mix);

// Copies one span from the store's samples to a buffer of staging.samples.
void copy_span(const SampleView& samples, const StagedSpan& span, std::int16_t* buffer);

}  // namespace ser
