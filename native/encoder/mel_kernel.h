// Power spectra and mel energies on the CPU, several frames side by side in the lanes of a vector.
#pragma once

#include <cstdint>
#include <vector>

namespace ser {

// Triangular filters as two weights a bin: bin k lies on the falling side of filter `band[k] - 1` and the rising side of
// filter `band[k]`.
struct MelFilters {
  std::int64_t bands = 0;
  std::vector<std::int32_t> band;  // 257, -1 where the bin is in no filter
  std::vector<float> rising, falling;
};

// Tables of the transform; constant, made once a process.
struct MelTables {
  MelTables();
  float window[400];
  float twiddle_re[256], twiddle_im[256];  // exp(-2 pi i k / 256)
  float split_re[256], split_im[256];      // exp(-2 pi i k / 512)
};

// Writes (log(energy + 1e-6) - mean) * gain for `frames` frames of `hop` samples, rows of filters.bands floats.
void mel_rows(const MelTables& tables, const MelFilters& filters, const float* samples, std::int64_t hop, std::int64_t frames,
              float mean, float gain, float* out);

}  // namespace ser
