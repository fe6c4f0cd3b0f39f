// What the multi-loss takes from single rows: the dominant class, KL and focal with the logits' gradient, the distance to the
// center, the norm. Eight lanes work on a row, so that a warp has four rows' loads in flight.
#pragma once

#include <cmath>

#include "cuda/reduce.h"
#include "loss/multi/multi_loss_cuda.h"

namespace ser::cuda::multi_loss {

inline constexpr int kThreads = 256;
inline constexpr int kWarps = kThreads / kWarp;
inline constexpr int kGroup = 8;
inline constexpr int kGroups = kThreads / kGroup;
inline constexpr int kClassesPerLane = kMultiLossClasses / kGroup;
inline constexpr float kTinyNorm = 1e-12f;

// The problem and what the host works out from it.
struct Problem : MultiLossProblem {
  double by_classes;  // 1 / ln C; 0 where there is one class
  double by_batch;    // 1 / ln(B - 1); 0 below three rows
};

// A value for each row of the batch: in shared memory up to kMultiLossSmallBatch rows, else in the workspace.
struct Rows {
  int* dominant;    // k_i
  float* kl;        // w_i sum_c y_ic (log y_ic - log p_ic)
  float* focal;     // - w_i sum_c y_ic (1 - p_ic)^gamma log p_ic
  float* distance;  // ||e_i - c_{k_i}||^2
  float* inverse;   // 1 / max(||x_i||, tiny)
  float* lse;       // log sum over j != i of exp s_ij
  float* share;     // 1 / number of positives; 0 where there is none, and then lse means nothing
  float* contrast;  // the anchor's SupCon loss
};

// Joins the values of a row's eight lanes; the whole warp takes part.
template <typename Join, typename T>
__device__ __forceinline__ T group_reduce(T value) {
  return warp_reduce<Join, kGroup>(value);
}

// The class of largest label, the first of several; the base's class where it is one of them.
__device__ __forceinline__ void find_dominant(const Problem& p, int begin, int end, const Rows& rows) {
  const int lane = threadIdx.x % kGroup, group = threadIdx.x / kGroup;
  for (int first = begin; first < end; first += kGroups) {
    const int i = first + group;
    const bool valid = i < end;
    const float* y = p.labels + static_cast<std::int64_t>(valid ? i : begin) * p.classes;
    float largest = -INFINITY;
    for (int c = lane; c < p.classes; c += kGroup) largest = fmaxf(largest, y[c]);
    largest = group_reduce<Max>(largest);
    int dominant = p.classes - 1;
    for (int c = lane; c < p.classes; c += kGroup) {
      if (y[c] == largest) dominant = min(dominant, c);
    }
    dominant = group_reduce<Min>(dominant);
    if (valid && lane == 0) {
      const std::int64_t base = p.base_classes[i];
      // A base class that is none cannot be refused here; it must not read beyond the row either.
      if (base >= 0 && base < p.classes && y[base] >= largest) dominant = static_cast<int>(base);
      rows.dominant[i] = dominant;
    }
  }
}

__device__ __forceinline__ float power(float base, float exponent) {
  if (exponent == 2) return base * base;
  return exponent == 1 ? base : powf(base, exponent);
}

// KL and focal, and their gradient for the logits.
__device__ __forceinline__ void classify(const Problem& p, int begin, int end, const Rows& rows, float* gradient) {
  const int lane = threadIdx.x % kGroup, group = threadIdx.x / kGroup;
  const double scale = p.by_classes / p.batch;
  const float kl_scale = static_cast<float>(p.kl_weight * scale), focal_scale = static_cast<float>(p.focal_weight * scale);
  const float gamma = static_cast<float>(p.gamma);
  for (int first = begin; first < end; first += kGroups) {
    const int i = first + group;
    const bool valid = i < end;
    const std::int64_t at = static_cast<std::int64_t>(valid ? i : begin) * p.classes;
    float x[kClassesPerLane], y[kClassesPerLane], f[kClassesPerLane];
    float largest = -INFINITY, label_sum = 0, weight = 0;
#pragma unroll
    for (int q = 0; q < kClassesPerLane; ++q) {
      const int c = lane + q * kGroup;
      x[q] = c < p.classes ? p.logits[at + c] : -INFINITY;
      y[q] = c < p.classes ? p.labels[at + c] : 0.0f;
      largest = fmaxf(largest, x[q]);
      label_sum += y[q];
      if (c < p.classes && p.class_weights != nullptr) weight += y[q] * p.class_weights[c];
    }
    largest = group_reduce<Max>(largest);
    label_sum = group_reduce<Sum>(label_sum);
    weight = p.class_weights != nullptr ? group_reduce<Sum>(weight) : 1.0f;
    float exponentials = 0;
#pragma unroll
    for (int q = 0; q < kClassesPerLane; ++q) exponentials += expf(x[q] - largest);
    const float log_sum = largest + logf(group_reduce<Sum>(exponentials));

    float kl = 0, focal = 0, slope_sum = 0;
#pragma unroll
    for (int q = 0; q < kClassesPerLane; ++q) {
      f[q] = 0;
      if (lane + q * kGroup >= p.classes) continue;
      const float log_p = x[q] - log_sum;
      // 1 - p by expm1, because 1 - exp(log p) loses every digit where the model is sure.
      const float rest = -expm1f(log_p);
      const float modulator = power(rest, gamma);
      kl += (y[q] > 0 ? y[q] * logf(y[q]) : 0.0f) - y[q] * log_p;
      focal -= y[q] * modulator * log_p;
      // d focal / d log p_c; the clamp keeps 0^(gamma - 1) * 0 from becoming NaN for gamma < 1.
      float slope = -modulator;
      if (gamma != 0) slope += power(fmaxf(rest, 1e-30f), gamma - 1) * expf(log_p) * log_p * gamma;
      f[q] = slope * y[q];
      slope_sum += f[q];
    }
    kl = group_reduce<Sum>(kl) * weight;
    focal = group_reduce<Sum>(focal) * weight;
    slope_sum = group_reduce<Sum>(slope_sum);
    if (!valid) continue;
    if (lane == 0) {
      rows.kl[i] = kl;
      rows.focal[i] = focal;
    }
#pragma unroll
    for (int q = 0; q < kClassesPerLane; ++q) {
      const int c = lane + q * kGroup;
      if (c >= p.classes) continue;
      const float probability = expf(x[q] - log_sum);
      float d = 0;
      if (kl_scale != 0) d += weight * (probability * label_sum - y[q]) * kl_scale;
      if (focal_scale != 0) d += weight * (f[q] - probability * slope_sum) * focal_scale;
      gradient[at + c] = d;
    }
  }
}

// Needs rows.dominant of these rows.
__device__ __forceinline__ void measure_distances(const Problem& p, int begin, int end, const Rows& rows) {
  const int lane = threadIdx.x % kGroup, group = threadIdx.x / kGroup;
  for (int first = begin; first < end; first += kGroups) {
    const int i = first + group;
    const int row = i < end ? i : begin;
    const float* e = p.embedding + static_cast<std::int64_t>(row) * p.embedding_columns;
    const float* center = p.centers + static_cast<std::int64_t>(rows.dominant[row]) * p.embedding_columns;
    float sum = 0;
    for (int d = lane; d < p.embedding_columns; d += kGroup) {
      const float difference = e[d] - center[d];
      sum += difference * difference;
    }
    sum = group_reduce<Sum>(sum);
    if (i < end && lane == 0) rows.distance[i] = sum;
  }
}

__device__ __forceinline__ void measure_norms(const Problem& p, int begin, int end, const Rows& rows) {
  const int lane = threadIdx.x % kGroup, group = threadIdx.x / kGroup;
  for (int first = begin; first < end; first += kGroups) {
    const int i = first + group;
    const float* x = p.contrast + static_cast<std::int64_t>(i < end ? i : begin) * p.contrast_columns;
    float sum = 0;
    for (int d = lane; d < p.contrast_columns; d += kGroup) sum += x[d] * x[d];
    sum = group_reduce<Sum>(sum);
    if (i < end && lane == 0) rows.inverse[i] = 1.0f / fmaxf(sqrtf(sum), kTinyNorm);
  }
}

}  // namespace ser::cuda::multi_loss
