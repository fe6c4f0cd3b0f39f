// Launchers of column_norm.cu.
#pragma once

#include "cuda/kernel.h"

namespace ser::cuda {

// Rows that a block takes; no chunk has more.
inline constexpr std::int64_t kColumnChunk = 256;

// Neighbouring rows of one group, or with group < 0 rows of none.
struct ColumnChunk {
  std::int64_t first_row = 0;
  std::int32_t rows = 0, group = 0;
};

// All on the device. The chunks cover every row once, those of a group lie together in the table.
struct ColumnTable {
  const ColumnChunk* chunks = nullptr;
  std::int64_t count = 0;
  const std::int64_t* group_chunks = nullptr;  // groups + 1: the group's chunks in the table
  std::int64_t groups = 0;
};

enum class Activation { gelu, relu };

// Per group and column: groups x width, float32.
struct ColumnStatistics {
  float *mean = nullptr, *rstd = nullptr;
  float* variance = nullptr;  // biased; may be null
  float* count = nullptr;     // rows of each group (groups)
};

// Floats that the statistics and the backward pass need at `partial`.
std::int64_t column_norm_partial(std::int64_t chunks, std::int64_t width);

// Mean and variance of each column over each group's rows, by sums about a value of the chunk and the merging of Chan et al. (1983),
// so that a large mean costs no digits. Two launches, the order of additions depends on the table alone.
template <typename X>
void column_statistics(const ColumnTable& table, const X* x, std::int64_t width, float epsilon, const ColumnStatistics& out,
                       float* partial, cudaStream_t stream);

template <typename X, typename Y>
struct ColumnNorm {
  ColumnTable table;
  std::int64_t width = 0;
  const X* x = nullptr;
  const float *mean = nullptr, *rstd = nullptr;     // groups x width
  const float *weight = nullptr, *shift = nullptr;  // width
  Activation activation = Activation::gelu;
};

// y = f((x - mean) * rstd * weight + shift), zeros in rows of no group. One launch.
template <typename X, typename Y>
void column_norm(const ColumnNorm<X, Y>& work, Y* y, cudaStream_t stream);

// dx, and sums (groups x 2 x width): of what arrives before f times the normalised x, and of what arrives before f; over the groups
// these are the gradients of weight and shift. `count` (groups) as column_statistics() left it; null where mean and rstd did not
// come from x. Three launches.
template <typename X, typename Y>
void column_norm_backward(const ColumnNorm<X, Y>& work, const Y* dy, const float* count, X* dx, float* sums, float* partial,
                          cudaStream_t stream);

}  // namespace ser::cuda
