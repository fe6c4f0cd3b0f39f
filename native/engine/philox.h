// Philox 4x32-10, the counter-based generator of lib/random/philox.ts (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A draw depends on its key and counter alone, so no draw depends on the order of the draws.
#pragma once

#include <array>
#include <cstdint>

#include "engine/vector_clones.h"

namespace ser {

inline constexpr std::uint32_t kPhiloxM0 = 0xd2511f53u, kPhiloxM1 = 0xcd9e8d57u;
inline constexpr std::uint32_t kPhiloxW0 = 0x9e3779b9u, kPhiloxW1 = 0xbb67ae85u;

struct PhiloxKey {
  std::uint32_t k0 = 0, k1 = 0;
};

// One block: four words from a 128-bit counter.
inline std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = static_cast<std::uint64_t>(kPhiloxM0) * c[0];
    const std::uint64_t p1 = static_cast<std::uint64_t>(kPhiloxM1) * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key.k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key.k1, static_cast<std::uint32_t>(p0)};
    key.k0 += kPhiloxW0;
    key.k1 += kPhiloxW1;
  }
  return c;
}

// The 16-bit draw for element `index` of a row, as the vector loops lay a row out: philox_lanes below decides 128 elements at a
// time, lane i and half h of its words those at 16 h + i. `c1` to `c3` are the caller's names for the row.
inline std::uint32_t philox_draw(std::uint64_t index, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3, PhiloxKey key) {
  const std::uint32_t half = static_cast<std::uint32_t>(index / 16 % 8);
  const auto block = static_cast<std::uint32_t>(index / 128 * 16 + index % 16);
  const std::uint32_t word = philox4x32({block, c1, c2, c3}, key)[half / 2];
  return half % 2 == 0 ? word & 0xffffu : word >> 16;
}

// kPhiloxLanes blocks with consecutive first counter words, one array per output word: the layout that vectorises.
inline constexpr int kPhiloxLanes = 16;

SER_ALWAYS_INLINE void philox_lanes(std::uint32_t first, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3, PhiloxKey key,
                                    std::uint32_t (&out)[4][kPhiloxLanes]) {
  std::uint32_t x0[kPhiloxLanes], x1[kPhiloxLanes], x2[kPhiloxLanes], x3[kPhiloxLanes];
  for (int i = 0; i < kPhiloxLanes; ++i) {
    x0[i] = first + static_cast<std::uint32_t>(i);
    x1[i] = c1;
    x2[i] = c2;
    x3[i] = c3;
  }
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kPhiloxLanes; ++i) {
      const std::uint64_t p0 = static_cast<std::uint64_t>(kPhiloxM0) * x0[i];
      const std::uint64_t p1 = static_cast<std::uint64_t>(kPhiloxM1) * x2[i];
      x0[i] = static_cast<std::uint32_t>(p1 >> 32) ^ x1[i] ^ key.k0;
      x1[i] = static_cast<std::uint32_t>(p1);
      x2[i] = static_cast<std::uint32_t>(p0 >> 32) ^ x3[i] ^ key.k1;
      x3[i] = static_cast<std::uint32_t>(p0);
    }
    key.k0 += kPhiloxW0;
    key.k1 += kPhiloxW1;
  }
  for (int i = 0; i < kPhiloxLanes; ++i) {
    out[0][i] = x0[i];
    out[1][i] = x1[i];
    out[2][i] = x2[i];
    out[3][i] = x3[i];
  }
}

}  // namespace ser
