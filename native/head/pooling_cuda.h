// Launchers of pooling.cu: FLAM's softmax over the frames of each utterance with both weighted sums, in one reading of the frames.
//
//   s_t = F_t v + A_t u      w = softmax of s over an utterance's frames      pF = sum_t w_t F_t      pA = sum_t w_t A_t
//
// F: the encoder's frames, A: what attention made of them, v: the score, u = W_o^T v (see flam.cc). Wang et al., arXiv
// 2512.04551. All pointers are of the device; offsets are those of Segments. An utterance's result depends on its own frames
// alone, to the bit, and is the same in every run. An utterance without frames has zeros for its sums.
#pragma once

#include <cstdint>

namespace ser {

inline constexpr int kWidestPool = 1280;

struct FlamPool {
  const void* frames = nullptr;    // F, sum(T) x D, float, or bf16 where `half`
  const void* attended = nullptr;  // A, likewise
  bool half = false;
  const float* score = nullptr;           // v, D
  const float* through = nullptr;         // u, D
  const std::int64_t* offsets = nullptr;  // B + 1
  std::int64_t rows = 0;                  // sum(T)
  std::int64_t segments = 0;              // B
  int width = 0;                          // D, 1..kWidestPool
  float* weights = nullptr;               // w, sum(T)
  float* pooled_frames = nullptr;         // pF, B x D
  float* pooled_attended = nullptr;       // pA, B x D
  float* scratch = nullptr;               // flam_pool_scratch() floats, which nobody else uses meanwhile
};

// The backward pass reads everything above, and writes (not adds) the gradients.
struct FlamPoolGradient {
  const float* d_pooled_frames = nullptr;    // B x D
  const float* d_pooled_attended = nullptr;  // B x D
  const float* d_weights = nullptr;          // sum(T), or null for zeros
  void* d_frames = nullptr;                  // sum(T) x D, of the type of F
  void* d_attended = nullptr;                // likewise
  float* d_score = nullptr;                  // D
  float* d_through = nullptr;                // D
};

// Floats that either pass needs.
std::int64_t flam_pool_scratch(std::int64_t rows, std::int64_t segments, int width);

// Two launches and three; `stream` is a cudaStream_t. Throws E_CUDA where a launch is refused. Nothing is allocated and
// nothing waited for, so a CUDA graph may capture them.
void flam_pool_forward(const FlamPool& pool, void* stream);
void flam_pool_backward(const FlamPool& pool, const FlamPoolGradient& gradient, void* stream);

}  // namespace ser
