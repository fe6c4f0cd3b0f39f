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

// Writes log(energy + 1e-8) for `frames` frames of `hop` samples, rows of filters.bands floats (at most 256).
void mel_rows(const MelTables& tables, const MelFilters& filters, const float* samples, std::int64_t hop, std::int64_t frames,
              float* out);

// x = (x - mean) * gain over n values; a mean of NaN stands for their own.
void shift_rows(std::int64_t n, double mean, float gain, float* x);

}  // namespace ser
