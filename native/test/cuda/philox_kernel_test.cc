// Philox on the device against the host's, bit for bit.
#include <random>
#include <vector>

#include "cuda/philox.h"
#include "test/check.h"

namespace {

__global__ void blocks_kernel(const uint4* counters, uint4* words, ser::PhiloxKey key) {
  words[threadIdx.x] = ser::cuda::philox_block(counters[threadIdx.x], key);
}

__global__ void draws_kernel(std::uint64_t first, ser::PhiloxKey key, std::uint32_t threshold, unsigned* keep,
                             std::uint32_t* draws) {
  keep[threadIdx.x] = ser::cuda::philox_keep_eight(first, 5, 6, 7, key, threshold);
  for (unsigned j = 0; j < 8; ++j) {
    draws[8 * threadIdx.x + j] = ser::cuda::philox_draw_of(first + 8 * threadIdx.x + j, 5, 6, 7, key);
  }
}

void philox() {
  bool same = true;
  std::mt19937_64 random(1);
  for (int trial = 0; trial < 20; ++trial) {
    const ser::PhiloxKey key{static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random())};
    std::vector<uint4> counters(40), words(40);
    for (uint4& c : counters) {
      c = make_uint4(static_cast<unsigned>(random()), static_cast<unsigned>(random()), static_cast<unsigned>(random()),
                     static_cast<unsigned>(random()));
    }
    SER_LAUNCH(blocks_kernel, 1, 40, 0, nullptr, counters.data(), words.data(), key);
    for (std::size_t i = 0; i < words.size(); ++i) {
      const auto expected = ser::philox4x32({counters[i].x, counters[i].y, counters[i].z, counters[i].w}, key);
      same = same && words[i].x == expected[0] && words[i].y == expected[1] && words[i].z == expected[2] &&
             words[i].w == expected[3];
    }
  }
  SER_CHECK(same, "a block of Philox has the host's words");
}

// The vector loop of engine/dropout.cc draws by philox_lanes; this is its order of elements.
void order() {
  const ser::PhiloxKey key{11, 12};
  bool scalar = true, votes = true, single = true;
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{128}, std::uint64_t{1280}, std::uint64_t{1} << 34}) {
    std::vector<std::uint32_t> expected(256), draws(256);
    for (unsigned group = 0; group < 2; ++group) {
      std::uint32_t words[4][ser::kPhiloxLanes];
      ser::philox_lanes(static_cast<std::uint32_t>((first + 128 * group) / 8), 5, 6, 7, key, words);
      for (unsigned w = 0; w < 4; ++w) {
        for (unsigned i = 0; i < 16; ++i) {
          expected[128 * group + 2 * w * 16 + i] = words[w][i] & 0xffffu;
          expected[128 * group + (2 * w + 1) * 16 + i] = words[w][i] >> 16;
        }
      }
    }
    for (unsigned e = 0; e < 256; ++e) scalar = scalar && ser::philox_draw(first + e, 5, 6, 7, key) == expected[e];
    for (const std::uint32_t threshold : {1u, 6554u, expected[37], 65535u}) {
      std::vector<unsigned> keep(32);
      SER_LAUNCH(draws_kernel, 1, 32, 0, nullptr, first, key, threshold, keep.data(), draws.data());
      single = single && draws == expected;
      for (unsigned e = 0; e < 256; ++e) votes = votes && (keep[e / 8] >> e % 8 & 1u) == (expected[e] >= threshold ? 1u : 0u);
    }
  }
  SER_CHECK(scalar, "the host's scalar draw is the vector loop's");
  SER_CHECK(single, "an element drawn alone on the device has the same draw");
  SER_CHECK(votes, "a warp that shares its blocks takes the same decisions");
}

}  // namespace

int main() {
  philox();
  order();
  return ser::test::finish("philox_kernel_test");
}
