// Which elements dropout keeps: a pure function of (seed, step, site, utterance, element), so that splitting a batch, changing its
// order or resuming a run repeats it exactly, on every device. No torch header is needed.
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/philox.h"

namespace ser {

struct DropoutKey {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  // Names the place in the network; two places never share one.
  std::uint32_t site = 0;
  // One decision a channel for all frames of an utterance (variational dropout, Gal and Ghahramani 2016) instead of one an
  // element.
  bool shared = false;
};

// Element e of utterance u (t * D + d, or d where shared) is kept where its draw, philox_draw(e, (e / 8) >> 32, u, step, key), is at
// least `threshold`, and multiplied by `scale` then. The default keeps all as they are.
struct DropoutMask {
  std::uint32_t threshold = 0;
  float scale = 1;
  PhiloxKey key;
  std::uint32_t step = 0;
  bool shared = false;
};

// `scale` is a factor on top of 1 / (1 - p'), with p' = p rounded to a multiple of 2^-16.
inline DropoutMask make_dropout_mask(double p, double scale, const DropoutKey& key) {
  DropoutMask mask;
  mask.threshold = static_cast<std::uint32_t>(std::lround(p * 65536));
  mask.scale = static_cast<float>(scale * 65536.0 / (65536.0 - mask.threshold));
  mask.key = {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32) ^ (key.site * 0x9e3779b1u)};
  mask.step = key.step;
  mask.shared = key.shared;
  return mask;
}

}  // namespace ser
