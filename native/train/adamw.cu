// AdamW over all parameters at once: a step of 400 tensors is two launches, and weights, moments, gradients and moving average
// each pass through memory once.
#include "cuda/eight.h"
#include "cuda/reduce.h"
#include "train/adamw_cuda.h"

namespace ser::cuda {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kChunk = 32768;
// A sum over chunks is one block's.
constexpr int kSumThreads = 1024;

struct Place {
  const AdamRun* run;
  std::int64_t begin;  // first element of the chunk in its run
  std::int64_t count;
};

__device__ Place place_of(const AdamTable& table, std::int64_t chunk) {
  int low = 0, high = table.count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (table.runs[middle].first_chunk <= chunk) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const AdamRun* run = table.runs + low;
  const std::int64_t begin = (chunk - run->first_chunk) * kChunk;
  return {run, begin, min(run->length - begin, kChunk)};
}

__device__ __forceinline__ bool aligned(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0; }

__global__ void __launch_bounds__(kThreads) square_kernel(AdamTable table, double* partial) {
  SER_SHARED(double, scratch, kThreads / kWarp);
  for (std::int64_t chunk = blockIdx.x; chunk < table.chunks; chunk += gridDim.x) {
    const Place place = place_of(table, chunk);
    const float* gradient = place.run->gradient + place.begin;
    const bool vector = aligned(gradient);
    double sum = 0;
    for (std::int64_t i = threadIdx.x * kEight; i < place.count; i += kThreads * kEight) {
      float g[kEight];
      load_eight(gradient + i, static_cast<int>(min(place.count - i, std::int64_t{kEight})), vector, g);
#pragma unroll
      for (int j = 0; j < kEight; ++j) sum += static_cast<double>(g[j]) * static_cast<double>(g[j]);
    }
    sum = block_reduce<Sum>(sum, scratch);
    if (threadIdx.x == 0) partial[chunk] = sum;
  }
}

__global__ void __launch_bounds__(kSumThreads) norm_kernel(const double* partial, std::int64_t chunks, double* norm) {
  SER_SHARED(double, scratch, kSumThreads / kWarp);
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < chunks; i += kSumThreads) sum += partial[i];
  sum = block_reduce<Sum>(sum, scratch);
  if (threadIdx.x == 0) *norm = sqrt(sum);
}

__global__ void rates_kernel(AdamCoefficients* coefficients, double rate, double center_rate) {
  coefficients->rates[0] = rate;
  coefficients->rates[1] = center_rate;
}

// One thread: the few numbers that all blocks of the update share. Counting here and not there keeps the count exact whatever
// block runs first.
__global__ void prepare_kernel(AdamConfig config, const double* norm, const float* bad, float* steps, AdamCoefficients* out) {
  // Not a comparison with 1: NaN is bad as well.
  const bool skip = !(*bad == 0.0f);
  out->skip = skip ? 1 : 0;
  if (skip) return;
  *steps += 1;
  const double count = *steps;
  out->correction1 = 1 - pow(config.beta1, count);
  out->root_of_correction2 = static_cast<float>(sqrt(1 - pow(config.beta2, count)));
  out->scale = config.clip > 0 ? static_cast<float>(max((*norm + 1e-6) / config.clip, 1.0)) : 1.0f;
  out->share = static_cast<float>(1 - min((count + 1) / (count + 10), config.average_decay));
}

// As LibTorch's lerp, which keeps `to` exactly at share 1.
__device__ __forceinline__ float between(float from, float to, float share) {
  return share < 0.5f ? from + share * (to - from) : to - (to - from) * (1 - share);
}

__global__ void __launch_bounds__(kThreads)
    update_kernel(AdamTable table, AdamConfig config, const AdamCoefficients* coefficients) {
  if (coefficients->skip != 0) return;
  const AdamCoefficients c = *coefficients;
  const auto beta2 = static_cast<float>(config.beta2), epsilon = static_cast<float>(config.epsilon);
  const auto share1 = static_cast<float>(1 - config.beta1), share2 = static_cast<float>(1 - config.beta2);
  for (std::int64_t chunk = blockIdx.x; chunk < table.chunks; chunk += gridDim.x) {
    const Place place = place_of(table, chunk);
    const AdamRun run = *place.run;
    const double rate = c.rates[run.which_rate] * run.rate;
    const auto keep = static_cast<float>(1 - rate * static_cast<double>(run.decay));
    const auto step_size = static_cast<float>(rate / c.correction1);
    const bool vector = aligned(run.value) && aligned(run.gradient) && aligned(run.first_moment) &&
                        aligned(run.second_moment) && aligned(run.average);
    for (std::int64_t i = threadIdx.x * kEight; i < place.count; i += kThreads * kEight) {
      const int count = static_cast<int>(min(place.count - i, std::int64_t{kEight}));
      const std::int64_t at = place.begin + i;
      float w[kEight], g[kEight], m[kEight], v[kEight];
      load_eight(run.value + at, count, vector, w);
      load_eight(run.gradient + at, count, vector, g);
      load_eight(run.first_moment + at, count, vector, m);
      load_eight(run.second_moment + at, count, vector, v);
#pragma unroll
      for (int j = 0; j < kEight; ++j) {
        const float gradient = g[j] / c.scale;
        m[j] = between(m[j], gradient, share1);
        v[j] = beta2 * v[j] + share2 * gradient * gradient;
        w[j] = w[j] * keep - step_size * m[j] / (sqrtf(v[j]) / c.root_of_correction2 + epsilon);
      }
      store_eight(run.first_moment + at, count, vector, m);
      store_eight(run.second_moment + at, count, vector, v);
      store_eight(run.value + at, count, vector, w);
      if (run.average != nullptr) {
        float a[kEight];
        load_eight(run.average + at, count, vector, a);
#pragma unroll
        for (int j = 0; j < kEight; ++j) a[j] = between(a[j], w[j], c.share);
        store_eight(run.average + at, count, vector, a);
      }
    }
  }
}

unsigned blocks_for(std::int64_t chunks) { return static_cast<unsigned>(chunks < 65536 ? chunks : 65536); }

}  // namespace

std::int64_t adam_chunks(std::int64_t length) { return ceil_div(length, kChunk); }

void adam_norm(const AdamTable& table, double* partial, double* norm, cudaStream_t stream) {
  if (table.chunks > 0) SER_LAUNCH(square_kernel, blocks_for(table.chunks), kThreads, 0, stream, table, partial);
  SER_LAUNCH(norm_kernel, 1, kSumThreads, 0, stream, partial, table.chunks, norm);
}

void adam_rates(AdamCoefficients* coefficients, double rate, double center_rate, cudaStream_t stream) {
  SER_LAUNCH(rates_kernel, 1, 1, 0, stream, coefficients, rate, center_rate);
}

void adam_update(const AdamTable& table, const AdamConfig& config, const double* norm, const float* bad, float* steps,
                 AdamCoefficients* coefficients, cudaStream_t stream) {
  SER_LAUNCH(prepare_kernel, 1, 1, 0, stream, config, norm, bad, steps, coefficients);
  if (table.chunks > 0) SER_LAUNCH(update_kernel, blocks_for(table.chunks), kThreads, 0, stream, table, config, coefficients);
}

}  // namespace ser::cuda
