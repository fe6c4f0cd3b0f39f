// Attention by segments on a GPU: segment_attention_cuda.cc, which is compiled with SER_CUDA only.
#pragma once

#include "encoder/segment_attention.h"

namespace ser {

// Whether there is a kernel for it: float32 or bfloat16 on a GPU, heads at most 64 wide and a multiple of 16 bytes.
bool device_attention_takes(const at::Tensor& qkv, std::int64_t heads, const Segments& segments);

// As segment_attention, whose checks have been made. The result has the type of `qkv`; with bfloat16, products have bfloat16
// operands and float32 sums. Gate and table are taken as float32, and so are their gradients.
at::Tensor device_attention(const at::Tensor& qkv, std::int64_t heads, const SegmentsPtr& segments,
                            const AttentionOptions& options);

}  // namespace ser
