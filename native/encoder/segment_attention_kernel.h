// Attention of one head of one utterance on the CPU, float32: what segment_attention spreads over the threads.
#pragma once

#include <cstdint>
#include <vector>

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

// `qkv` points at the head's first q; its k lies `width` floats further, its v 2 * width. `log_sum` (frames) is what the
// backward pass needs to form the probabilities again.
void attention_forward(const AttentionShape& shape, const float* qkv, float* out, float* log_sum, AttentionScratch& scratch);

// Writes the head's columns of d_qkv.
void attention_backward(const AttentionShape& shape, const float* qkv, const float* out, const float* log_sum,
                        const float* d_out, float* d_qkv, AttentionScratch& scratch);

}  // namespace ser
