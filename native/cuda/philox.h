// Philox on the device: the same draws as engine/philox.h, bit for bit, and the decisions of dropout by them.
#pragma once

#include "cuda/kernel.h"
#include "engine/philox.h"

namespace ser::cuda {

// philox4x32(): four words from a 128-bit counter.
__device__ __forceinline__ uint4 philox_block(uint4 c, PhiloxKey key) {
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const std::uint32_t high0 = __umulhi(kPhiloxM0, c.x), low0 = kPhiloxM0 * c.x;
    const std::uint32_t high1 = __umulhi(kPhiloxM1, c.z), low1 = kPhiloxM1 * c.z;
    c = make_uint4(high1 ^ c.y ^ key.k0, low1, high0 ^ c.w ^ key.k1, low0);
    key.k0 += kPhiloxW0;
    key.k1 += kPhiloxW1;
  }
  return c;
}

// philox_draw(): the 16-bit draw for element `index` of a row, by a block of its own.
__device__ __forceinline__ std::uint32_t philox_draw_of(std::uint64_t index, std::uint32_t c1, std::uint32_t c2,
                                                        std::uint32_t c3, PhiloxKey key) {
  const auto half = static_cast<std::uint32_t>(index / 16 % 8);
  const auto block = static_cast<std::uint32_t>(index / 128 * 16 + index % 16);
  const uint4 words = philox_block(make_uint4(block, c1, c2, c3), key);
  const std::uint32_t word = half < 2 ? words.x : half < 4 ? words.y : half < 6 ? words.z : words.w;
  return half % 2 == 0 ? word & 0xffffu : word >> 16;
}

// For the 256 elements from `first` (a multiple of 128) that a warp has in hand, eight neighbours a lane: bit j of the result
// tells whether element first + 8 * lane + j is kept, that is, whether its draw is at least `threshold`. All 32 lanes call it.
// A block's eight draws belong to elements 16 apart, so each lane draws one block and the votes of the warp bring the bits to
// where they are needed: an eighth of the work of a block an element.
__device__ __forceinline__ unsigned philox_keep_eight(std::uint64_t first, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3,
                                                      PhiloxKey key, std::uint32_t threshold) {
  const unsigned lane = threadIdx.x % kWarp;
  const uint4 words = philox_block(make_uint4(static_cast<std::uint32_t>(first / 8) + lane, c1, c2, c3), key);
  // The lane's own elements: half `lane % 16 / 2` of the group of 128 that its half of the warp has.
  const unsigned wanted = lane % 16 / 2;
  unsigned votes = 0;
#pragma unroll
  for (unsigned half = 0; half < 8; ++half) {
    const std::uint32_t word = half < 2 ? words.x : half < 4 ? words.y : half < 6 ? words.z : words.w;
    const std::uint32_t draw = half % 2 == 0 ? word & 0xffffu : word >> 16;
    const unsigned all = __ballot_sync(kFullMask, draw >= threshold);
    votes = half == wanted ? all : votes;
  }
  return votes >> (lane / 16 * 16 + lane % 2 * 8) & 0xffu;
}

}  // namespace ser::cuda
