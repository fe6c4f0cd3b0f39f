// Launchers of segment_attention_forward.cu and segment_attention_backward.cu: attention within the segments of packed rows.
#pragma once

#include <cstdint>

#include "cuda/kernel.h"
#include "engine/dropout_mask.h"

namespace ser {

inline constexpr int kAttentionTile = 64;  // queries of a block, and keys it meets at a time

// What the kernels are told besides the data. With `heads` heads of `head_width` columns, D = heads * head_width.
struct AttentionLaunch {
  const std::int64_t* offsets = nullptr;  // on the device, count + 1: segment b has rows [offsets[b], offsets[b + 1])
  const std::int64_t* keys = nullptr;     // on the device, count: name the segments' noise; not read where nothing is dropped
  int count = 0;
  int longest = 0;  // rows of the longest segment
  int heads = 0, head_width = 0;
  std::int64_t rows = 0;  // of all segments
  // Score (i, j) gets gate[i][head] * table[head][reach - 1 + j - i]: `gate` rows x heads, `table` heads x (2 * reach - 1) with
  // reach at least `longest`. Both null = no bias.
  const float* gate = nullptr;
  const float* table = nullptr;
  int reach = 0;
  // Of the weights; the draw of (i, j) is that of segment_attention_kernel.h. The default keeps all.
  DropoutMask mask;
};

// Whether the kernels can: head width at most 64 and whole in 16 bytes, pointers of rows multiples of 16 bytes.
bool attention_cuda_fits(const AttentionLaunch& launch, bool bf16);

// Scratch of the backward pass for the table's gradient, in floats.
std::int64_t attention_table_scratch(const AttentionLaunch& launch);

// softmax(q k^T / sqrt(head_width) + bias) v by segments. `qkv` is rows x 3D with q, k and v side by side, `out` rows x D; both
// float32, or bfloat16 with `bf16`, where products have bfloat16 operands and float32 sums. `log_sum` (heads x rows) is what the
// backward pass needs. All queued on the stream; nothing is allocated or waited for. Throws E_CUDA where a launch is refused.
void launch_attention_forward(const AttentionLaunch& launch, bool bf16, const void* qkv, void* out, float* log_sum,
                              cudaStream_t stream);

struct AttentionBackward {
  const void* qkv = nullptr;
  const void* out = nullptr;
  const float* log_sum = nullptr;
  const void* d_out = nullptr;  // rows x D, of the type of `out`
  float* delta = nullptr;       // scratch, heads x rows
  void* d_qkv = nullptr;        // written whole
  // Written whole; all three null where the bias needs no gradient.
  float* d_gate = nullptr;
  float* d_table = nullptr;
  float* table_scratch = nullptr;  // attention_table_scratch() floats
};

// The gradients, the same bits at every repetition: no sum depends on the order of blocks.
void launch_attention_backward(const AttentionLaunch& launch, bool bf16, const AttentionBackward& data, cudaStream_t stream);

}  // namespace ser
