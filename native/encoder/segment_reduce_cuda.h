// Launchers of segment_reduce.cu: mean, context broadcast and maximum over the rows of each utterance of a packed batch.
//
// x is sum(T) x D, float, or bf16 where `half`; offsets are those of Segments; all pointers are of the device, `stream` is a
// cudaStream_t. Sums are formed in float, in one order. One launch each; nothing is allocated and nothing waited for. Throws
// E_CUDA where a launch is refused.
#pragma once

#include <cstdint>

namespace ser {

struct PackedRows {
  const void* x = nullptr;
  bool half = false;
  const std::int64_t* offsets = nullptr;  // B + 1
  std::int64_t rows = 0;                  // sum(T)
  std::int64_t segments = 0;              // B
  std::int64_t width = 0;                 // D
};

// mean[b] = mean_t x_t, B x D; zeros for an utterance without rows.
void segment_mean_launch(const PackedRows& rows, float* mean, void* stream);

// out_t = keep x_t + factor v_b, where factor is 1/2, or 1 / T_b with `by_length`; of the type of x. x may be null where keep is 0.
// With keep 1/2 and v the mean of x it is the context broadcast (Hyeon-Woo et al. 2022), which is its own adjoint; with keep 0
// and by_length it is the gradient of the mean.
void segment_spread_launch(const PackedRows& rows, float keep, const float* v, bool by_length, void* out, void* stream);

// greatest[b] = max_t x_t with the row it stands in, B x D: the first of equal ones, or the first NaN. For an utterance without
// rows 0 and row -1.
void segment_max_launch(const PackedRows& rows, float* greatest, std::int64_t* row, void* stream);

// Adds nothing: out[row[b][d]][d] = v[b][d], of the type of x (`rows.x` is not read); the other rows stay as they are.
void segment_scatter_launch(const PackedRows& rows, const float* v, const std::int64_t* row, void* out, void* stream);

}  // namespace ser
