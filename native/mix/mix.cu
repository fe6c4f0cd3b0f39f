// Mixing, conversion, gain, noise and normalisation of a batch. Not yet run on a GPU.
//
// Samples stay int16 until the one write of each; everything that an utterance as a whole decides (whether a segment is
// silent, the scale, mean and variance) follows from sums of integers, which have no rounding and so no order. A first launch
// forms these sums by chunks of kChunk samples, a second one joins them, in every block anew, and writes. The scale is computed
// in double and rounded once, as on the host; a sample is one rounded product or one fused multiply-add.
#include "cuda/philox.h"
#include "cuda/reduce.h"
#include "cuda/segment_chunks.h"
#include "mix/mix_cuda.h"

namespace ser {
namespace {

using cuda::ceil_div;
using cuda::kWarp;

constexpr int kWarps = 8, kThreads = kWarps * kWarp;
constexpr std::int64_t kChunk = 4096;
constexpr float kFullScale = 1.0f / 32768.0f;
// Mean and deviation of the sum of eight uniform 16-bit draws, as in augment.cc.
constexpr float kDrawMean = 8 * 32767.5f, kDrawDeviation = 53509.89f;

// Sums over a part of an utterance. x: the utterance, y: what is added to it. No initialisers: shared memory has none.
struct Moments {
  long long x, xx;      // wherever the utterance is read
  long long own;        // of x^2 under the partner
  long long y, yy, xy;  // under the partner
  int x_peak, y_peak;
};

__device__ inline void join(Moments& into, const Moments& other) {
  into.x += other.x;
  into.xx += other.xx;
  into.own += other.own;
  into.y += other.y;
  into.yy += other.yy;
  into.xy += other.xy;
  into.x_peak = max(into.x_peak, other.x_peak);
  into.y_peak = max(into.y_peak, other.y_peak);
}

// Whether rows are summed up as a whole, or only as far as mixing asks.
__host__ __device__ inline bool sums_all(const MixBatch& batch) { return batch.normalise || batch.noises; }

// All lanes get the sums that the batch needs of such a row; the others stay what they were.
__device__ inline void join_warp(const MixBatch& batch, MixKind kind, Moments& all) {
  if (kind == MixKind::eam) {
    all.own = cuda::warp_reduce<cuda::Sum>(all.own);
    all.yy = cuda::warp_reduce<cuda::Sum>(all.yy);
  }
  if (kind == MixKind::lam) {
    all.x_peak = cuda::warp_reduce<cuda::Max>(all.x_peak);
    all.y_peak = cuda::warp_reduce<cuda::Max>(all.y_peak);
  }
  if (!sums_all(batch)) return;
  all.x = cuda::warp_reduce<cuda::Sum>(all.x);
  all.xx = cuda::warp_reduce<cuda::Sum>(all.xx);
  if (kind == MixKind::none) return;
  all.y = cuda::warp_reduce<cuda::Sum>(all.y);
  all.xy = cuda::warp_reduce<cuda::Sum>(all.xy);
  if (kind == MixKind::lam) all.yy = cuda::warp_reduce<cuda::Sum>(all.yy);
}

__device__ inline std::int64_t entry_of_block(const MixBatch& batch) {
  return cuda::segment_of_block(batch.count, kChunk, [&](std::int64_t b) { return batch.entries[b].slot; });
}

__global__ void __launch_bounds__(kThreads) mix_moments_kernel(MixBatch batch, Moments* moments) {
  SER_SHARED(Moments, parts, kWarps);
  const std::int64_t b = entry_of_block(batch);
  const MixEntry& entry = batch.entries[b];
  const std::int64_t chunk = (static_cast<std::int64_t>(blockIdx.x) - cuda::first_chunk(entry.slot, b, kChunk)) * kChunk;
  // EAM alone asks for nothing outside its segment.
  const bool whole = sums_all(batch) || entry.kind == MixKind::lam;
  const std::int64_t end = min(chunk + kChunk, whole ? entry.mixed : entry.start + entry.added);
  const std::int16_t* base = batch.samples + entry.base;
  const std::int16_t* partner = batch.samples + entry.partner;
  Moments mine{};
#pragma unroll 4
  for (std::int64_t t = max(chunk, whole ? 0 : entry.start) + threadIdx.x; t < end; t += kThreads) {
    const int x = t < entry.length ? base[t] : 0;
    mine.x += x;
    mine.xx += x * x;
    mine.x_peak = max(mine.x_peak, x < 0 ? -x : x);
    const std::int64_t at = t - entry.start;
    if (at < 0 || at >= entry.added) continue;
    const int y = partner[at];
    mine.own += x * x;
    mine.y += y;
    mine.yy += y * y;
    mine.xy += x * y;
    mine.y_peak = max(mine.y_peak, y < 0 ? -y : y);
  }
  join_warp(batch, entry.kind, mine);
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = mine;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int w = 1; w < kWarps; ++w) join(mine, parts[w]);
  moments[blockIdx.x] = mine;
}

// What a sample is made with: v = gain * x, to which partner_gain * (partner_unit * y) is added, fused, and (v - mean) * stretch.
struct Recipe {
  float gain, partner_gain, partner_unit;
  float mean, stretch;
  float noise;  // of a draw's unit
  bool skipped, mixes;
};

__device__ inline Recipe recipe_of(const MixBatch& batch, const MixEntry& entry, const Moments& all) {
  Recipe recipe{kFullScale, 0, kFullScale, 0, 1, 0, false, false};
  if (entry.kind == MixKind::eam) {
    const auto energy = static_cast<double>(all.own), partner_energy = static_cast<double>(all.yy);
    recipe.skipped = energy < entry.silent || partner_energy < entry.silent;
    // Both segments have the same length, so the ratio of powers is the ratio of energies.
    if (!recipe.skipped) recipe.partner_gain = __double2float_rn(sqrt(energy / entry.ratio / partner_energy));
  } else if (entry.kind == MixKind::lam) {
    recipe.skipped = all.x_peak == 0 || all.y_peak == 0;
    if (!recipe.skipped) {
      recipe.gain = __double2float_rn(0.5 / all.x_peak);
      recipe.partner_gain = __double2float_rn(0.5 / all.y_peak);
      recipe.partner_unit = 1;
    }
  }
  recipe.mixes = entry.kind != MixKind::none && !recipe.skipped;
  if (!sums_all(batch)) return recipe;
  const double n = static_cast<double>(entry.mixed), g = static_cast<double>(recipe.gain);
  const double h = static_cast<double>(recipe.partner_gain) * static_cast<double>(recipe.partner_unit);
  const double after = static_cast<double>(entry.gain);
  const double mean = after * (g * static_cast<double>(all.x) + h * static_cast<double>(all.y)) / n;
  const double square =
      after * after *
      (g * g * static_cast<double>(all.xx) + 2 * g * h * static_cast<double>(all.xy) + h * h * static_cast<double>(all.yy)) / n;
  if (batch.normalise) {
    recipe.mean = __double2float_rn(mean);
    recipe.stretch = __double2float_rn(1 / sqrt(max(0.0, square - mean * mean) + batch.epsilon));
  }
  if (entry.noise > 0) recipe.noise = __double2float_rn(sqrt(square / entry.noise)) / kDrawDeviation;
  return recipe;
}

// The noise of sample t, as augment.cc draws it, less its unit.
__device__ inline float draw_noise(const MixBatch& batch, const MixEntry& entry, std::int64_t t) {
  const uint4 words =
      cuda::philox_block(make_uint4(static_cast<std::uint32_t>(t), 0x6e6f6973u, entry.key, batch.step),
                         {static_cast<std::uint32_t>(batch.noise_seed), static_cast<std::uint32_t>(batch.noise_seed >> 32)});
  const auto halves = [](std::uint32_t word) { return (word & 0xffffu) + (word >> 16); };
  return static_cast<float>(halves(words.x) + halves(words.y) + halves(words.z) + halves(words.w)) - kDrawMean;
}

__global__ void __launch_bounds__(kThreads) mix_write_kernel(MixBatch batch, const Moments* moments) {
  SER_SHARED(Recipe, shared, 1);
  const std::int64_t b = entry_of_block(batch);
  const MixEntry& entry = batch.entries[b];
  const std::int64_t first = cuda::first_chunk(entry.slot, b, kChunk),
                     chunk = (static_cast<std::int64_t>(blockIdx.x) - first) * kChunk;
  if (threadIdx.x < kWarp) {
    Moments all{};
    if (moments != nullptr) {
      const std::int64_t chunks = ceil_div(entry.mixed, kChunk);
      for (std::int64_t c = threadIdx.x; c < chunks; c += kWarp) join(all, moments[first + c]);
      join_warp(batch, entry.kind, all);
    }
    if (threadIdx.x == 0) shared[0] = recipe_of(batch, entry, all);
  }
  __syncthreads();
  const Recipe recipe = shared[0];

  const std::int16_t* base = batch.samples + entry.base;
  const std::int16_t* partner = batch.samples + entry.partner;
  float* out = batch.out + entry.slot;
  const std::int64_t end = min(chunk + kChunk, entry.reserved);
  const std::int64_t added = recipe.mixes ? entry.added : 0;
#pragma unroll 4
  for (std::int64_t t = chunk + threadIdx.x; t < end; t += kThreads) {
    float value = 0;
    if (t < entry.length) value = __fmul_rn(recipe.gain, static_cast<float>(base[t]));
    const std::int64_t at = t - entry.start;
    if (at >= 0 && at < added) {
      // The inner product is exact: a power of two, or one.
      value = fmaf(recipe.partner_gain, recipe.partner_unit * static_cast<float>(partner[at]), value);
    }
    value = __fmul_rn(value, entry.gain);
    if (entry.noise > 0) value = __fadd_rn(value, __fmul_rn(draw_noise(batch, entry, t), recipe.noise));
    if (batch.normalise) value = (value - recipe.mean) * recipe.stretch;
    out[t] = t < entry.mixed ? value : 0.0f;
  }
  if (chunk != 0) return;
  if (threadIdx.x == 0) batch.skipped[b] = static_cast<std::uint8_t>(recipe.skipped);
  if (batch.labels == nullptr) return;
  for (std::int64_t i = b * batch.classes + threadIdx.x; i < (b + 1) * batch.classes; i += kThreads) {
    const float own = batch.labels[i];
    batch.out_labels[i] =
        recipe.mixes ? __fadd_rn(__fmul_rn(1.0f - entry.lambda, own), __fmul_rn(entry.lambda, batch.partner_labels[i])) : own;
  }
}

}  // namespace

std::size_t mix_scratch(std::int64_t total, std::int64_t count) {
  return static_cast<std::size_t>(cuda::chunk_numbers(total, count, kChunk)) * sizeof(Moments);
}

void mix_batch(const MixBatch& batch, void* on) {
  if (batch.count == 0) return;
  const auto stream = static_cast<cudaStream_t>(on);
  const auto chunks = static_cast<unsigned>(cuda::chunk_numbers(batch.total, batch.count, kChunk));
  auto* moments = batch.mixes || sums_all(batch) ? static_cast<Moments*>(batch.scratch) : nullptr;
  if (moments != nullptr) SER_LAUNCH(mix_moments_kernel, chunks, kThreads, 0, stream, batch, moments);
  SER_LAUNCH(mix_write_kernel, chunks, kThreads, 0, stream, batch, moments);
}

}  // namespace ser
