// Launchers of multi_loss.cu. All pointers are to device memory, rows contiguous, float32 where nothing else is said.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ser::cuda {

inline constexpr int kMultiLossClasses = 64;
inline constexpr int kMultiLossColumns = 1024;
// Up to this many rows all is one launch.
inline constexpr int kMultiLossSmallBatch = 256;

// Names and meanings are those of MultiLossInput and MultiLossOptions. Limits: batch at least 1, classes 1 to
// kMultiLossClasses, columns 1 to kMultiLossColumns, temperature above 0.
struct MultiLossProblem {
  const float* logits;     // batch x classes
  const float* embedding;  // batch x embedding_columns
  const float* contrast;   // batch x contrast_columns; null = no SupCon term
  const float* labels;     // batch x classes
  const std::int64_t* base_classes;
  const float* centers;        // classes x embedding_columns
  const float* class_weights;  // classes; null = ones
  int batch, classes, embedding_columns, contrast_columns;
  double kl_weight, focal_weight, center_weight, supcon_weight;
  double gamma, temperature;
};

// Gradients have the shapes of their inputs and are those of `total`; `contrast` is null where the input is.
struct MultiLossResult {
  double* total;       // 1
  double* components;  // 8, as in MultiLossOutput
  float *logits, *embedding, *contrast, *centers;
};

// Floats of workspace that multi_loss_forward() needs: none up to kMultiLossSmallBatch rows. What is in it does not matter.
std::size_t multi_loss_workspace(int batch);

// Values and all gradients: one launch up to kMultiLossSmallBatch rows, at most four above. `stream` is a cudaStream_t. Throws
// E_CUDA where a launch is refused, and nothing else; allocates nothing and waits for nothing, so a CUDA graph can hold it.
void multi_loss_forward(const MultiLossProblem& problem, const MultiLossResult& result, float* workspace, void* stream);

// out[i] = saved[i] * *upstream for `count` values; one launch. Both arrays are aligned to 16 bytes.
void multi_loss_backward(const float* saved, const double* upstream, float* out, std::int64_t count, void* stream);

}  // namespace ser::cuda
