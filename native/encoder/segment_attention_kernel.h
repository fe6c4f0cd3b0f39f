// Attention of one head of one utterance on the CPU, float32: what segment_attention spreads over the threads.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/philox.h"

namespace ser {

inline constexpr std::int64_t kAttentionMaxHeadWidth = 64;

struct AttentionShape {
  std::int64_t frames = 0;
  std::int64_t head_width = 0;
  std::int64_t width = 0;  // of all heads; rows of q, k, v lie 3 * width floats apart, rows of the output width
};

// Buffers of a thread, which grow as needed and are reused from task to task.
struct AttentionScratch {
  std::vector<float> memory;
};

// What a head may add to plain attention; every part may be left out.
struct AttentionExtras {
  // Score (i, j) gets gate[i] * table[j - i]: `table` points at distance 0, `gate` values lie `gate_stride` floats apart.
  const float* table = nullptr;
  const float* gate = nullptr;
  std::int64_t gate_stride = 0;
  // Weights are dropped where a 16-bit draw is below the threshold, the others multiplied by keep_scale. Draws are a function of
  // key, step, utterance, head, i and j.
  std::uint32_t drop_threshold = 0;
  float keep_scale = 1;
  PhiloxKey key;
  std::uint32_t step = 0, utterance = 0, head = 0;
};

// Writes what weights (row, 0..frames - 1) are multiplied by in dropout; room for `frames` rounded up to 128.
void attention_keep(const AttentionExtras& extras, std::int64_t row, std::int64_t frames, float* factor);

// `qkv` points at the head's first q; its k lies `width` floats further, its v 2 * width. `log_sum` (frames) is what the
// backward pass needs to form the probabilities again.
void attention_forward(const AttentionShape& shape, const AttentionExtras& extras, const float* qkv, float* out, float* log_sum,
                       AttentionScratch& scratch);

// Where the gradients of table and gate go, laid out like these; both are added to. Null where nobody wants them.
struct AttentionExtrasGradient {
  float* table = nullptr;
  float* gate = nullptr;
};

// Writes the head's columns of d_qkv.
void attention_backward(const AttentionShape& shape, const AttentionExtras& extras, const float* qkv, const float* out,
                        const float* log_sum, const float* d_out, float* d_qkv, const AttentionExtrasGradient& d_extras,
                        AttentionScratch& scratch);

}  // namespace ser
