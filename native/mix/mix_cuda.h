// Launcher of mix.cu: a training batch from int16 samples and a mix plan, on the device.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mix/mix_entries.h"

namespace ser {

// All pointers are of the device.
struct MixBatch {
  const std::int16_t* samples = nullptr;
  const MixEntry* entries = nullptr;  // one an utterance, in the order of their slots
  std::int64_t count = 0;             // B
  std::int64_t total = 0;             // batch_samples(): samples of `out`
  bool mixes = false;                 // whether any entry has a partner
  bool noises = false;                // whether any entry has noise; then nothing may be normalised
  std::uint64_t noise_seed = 0;       // with `step`: draws the noise of augment_row()
  std::uint32_t step = 0;
  bool normalise = false;                 // each utterance to mean 0 and variance 1, as ConvExtractor does
  double epsilon = 1e-7;                  // added to the variance
  const float* labels = nullptr;          // B x C, or null where no labels are wanted
  const float* partner_labels = nullptr;  // B x C, or null where nothing is mixed
  int classes = 0;                        // C
  float* out = nullptr;                   // full scale 1; zeros between an utterance's end and the next one's slot
  float* out_labels = nullptr;            // B x C
  std::uint8_t* skipped = nullptr;        // B: 1 where a silent segment left utterance and label as they are
  void* scratch = nullptr;                // mix_scratch() bytes, which nobody else uses meanwhile
};

std::size_t mix_scratch(std::int64_t total, std::int64_t count);

// Two launches, or one where no sum over an utterance is needed. Samples, gains, labels and `skipped` are mix_row()'s,
// augment_row()'s and mix_labels()'s to the bit; samples with noise and normalised ones are within 1e-6. `stream` is a
// cudaStream_t. Throws E_CUDA where a launch is refused. Nothing is allocated and nothing waited for.
void mix_batch(const MixBatch& batch, void* stream);

}  // namespace ser
