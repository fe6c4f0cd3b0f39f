// Mel energies of Whisper's spectrogram on the CPU, several frames side by side in the lanes of a vector.
#pragma once

#include <cstdint>
#include <vector>

namespace ser {

// Triangular filters as two weights a bin: bin k lies on the falling side of filter `band[k] - 1` and the rising side of
// filter `band[k]`.
struct LogMelFilters {
  std::int64_t bands = 0;
  std::vector<std::int32_t> band;  // 201, -1 where the bin is in no filter
  std::vector<double> rising, falling;
};

// Tables of the transform; constant, made once a process.
struct LogMelTables {
  LogMelTables();
  double window[400];
  double twiddle_re[200], twiddle_im[200];  // exp(-2 pi i k / 200)
  double split_re[201], split_im[201];      // exp(-2 pi i k / 400)
};

// Writes the filters' energies of `count` frames, each 400 samples from frames[i] on: rows of filters.bands floats (at most
// 256).
void log_mel_energies(const LogMelTables& tables, const LogMelFilters& filters, const float* const* frames, std::int64_t count,
                      float* out);

// x = max(x, floor) * 0.25 + 1 over n values.
void log_mel_finish(std::int64_t n, float floor, const float* x, float* out);

}  // namespace ser
