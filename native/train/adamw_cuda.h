// Launchers of adamw.cu.
#pragma once

#include "cuda/kernel.h"

namespace ser::cuda {

// A run of parameters that lie together and share decay and learning rate, `length` of each.
struct AdamRun {
  float* value = nullptr;  // the master weights
  const float* gradient = nullptr;
  float *first_moment = nullptr, *second_moment = nullptr;
  float* average = nullptr;  // null = no moving average
  std::int64_t length = 0;
  std::int64_t first_chunk = 0;  // chunks of the runs before this one
  float decay = 0;
  double rate = 1;     // factor on the learning rate
  int which_rate = 0;  // 0 = the model's learning rate, 1 = the centers'
};

// Chunks that a run is cut into; a block works on one at a time.
std::int64_t adam_chunks(std::int64_t length);

struct AdamConfig {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip = 0;           // largest norm of all gradients; 0 = any
  double average_decay = 0;  // of the moving average, at most
};

// What one update needs besides the tensors, worked out on the device.
struct AdamCoefficients {
  double rates[2] = {};           // learning rates
  double correction1 = 1;         // 1 - beta1^steps
  float root_of_correction2 = 1;  // sqrt(1 - beta2^steps)
  float scale = 1;                // gradients are divided by this
  float share = 0;                // of the weights in their moving average
  int skip = 0;
};

// All pointers are to device memory; nothing waits for the device, and every launch may be recorded in a graph.
struct AdamTable {
  const AdamRun* runs = nullptr;
  int count = 0;
  std::int64_t chunks = 0;
};

// norm[0] = the square root of the sum of all gradients' squares, in double; `partial` has room for a value a chunk. Two
// launches; the order of additions depends on the sizes alone.
void adam_norm(const AdamTable& table, double* partial, double* norm, cudaStream_t stream);

// Writes the learning rates of the updates to come. A launch of its own, so that a recorded update reads new ones.
void adam_rates(AdamCoefficients* coefficients, double rate, double center_rate, cudaStream_t stream);

// One update of every run, AdamW with decoupled decay (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR
// 2019, algorithm 2) on gradients divided by max((norm + 1e-6) / clip, 1); the moving averages with the decay
// min((steps + 1) / (steps + 10), average_decay) are written in the same pass. Where bad[0] is not 0 nothing changes; else
// steps[0] grows by 1. Two launches.
void adam_update(const AdamTable& table, const AdamConfig& config, const double* norm, const float* bad, float* steps,
                 AdamCoefficients* coefficients, cudaStream_t stream);

}  // namespace ser::cuda
