// A small model, samples and steps of training on them, for tests of whole steps.
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/philox.h"

namespace ser::test {

// Whole numbers of 32 bits, the same everywhere.
inline std::uint32_t draw(std::uint32_t a, std::uint32_t b) { return philox4x32({a, b, 0, 0}, {5, 6})[0]; }

// Noise of 14 bits; `stream` tells one from another.
inline std::vector<std::int16_t> noise_samples(std::size_t count, std::uint32_t stream) {
  std::vector<std::int16_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::int16_t>(draw(static_cast<std::uint32_t>(i), stream) >> 18);
  return out;
}

inline void write_samples(const std::string& path, const std::vector<std::int16_t>& samples) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(samples.data()), static_cast<std::streamsize>(samples.size() * sizeof samples[0]));
}

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline ModelConfig small_model(std::int64_t classes) {
  ModelConfig config;
  config.classes = classes;
  config.mel.conv_channels = 8;
  config.mel.width = 32;
  config.mel.layers = 2;
  config.mel.heads = 2;
  config.mel.feed_forward = 64;
  config.pooling_heads = 4;
  config.embedding = 16;
  return config;
}

// The draw at `place` for row `b` of a step, below `below`.
inline int pick(int step, int b, std::uint32_t place, std::uint32_t below) {
  return static_cast<int>(draw(1000 + static_cast<std::uint32_t>(step) * 64 + place, static_cast<std::uint32_t>(b)) % below);
}

// A row for each of `utterances` that lie one after the other in a store, `length` samples each, of which a row takes up to
// `shorter` fewer; their classes take turns. Where they are mixed, which is left to the caller to say of each, it is with others.
inline StepRequest small_step(int step, int utterances, int length, int shorter, int classes, MixKind kind) {
  StepRequest out;
  out.step = step;
  out.learning_rate = 1e-3;
  out.center_learning_rate = 5e-3;
  out.mix.kind = kind;
  const auto label = [&](std::vector<float>& labels, int b) {
    for (int c = 0; c < classes; ++c) labels.push_back(c == b % classes ? 1.0f : 0.0f);
  };
  for (int b = 0; b < utterances; ++b) {
    out.rows.offsets.push_back(b * length);
    out.rows.lengths.push_back(length - (shorter > 0 ? pick(step, b, 0, static_cast<std::uint32_t>(shorter)) : 0));
    out.rows.keys.push_back(static_cast<std::uint32_t>(b) * 2654435761u);
    label(out.labels, b);
    if (kind == MixKind::none) continue;
    const int partner = (b + 1 + pick(step, b, 1, static_cast<std::uint32_t>(utterances - 1))) % utterances;
    label(out.partner_labels, partner);
    out.mix.partner_offsets.push_back(partner * length);
    out.mix.partner_lengths.push_back(length);
    out.mix.segment_lengths.push_back(1 + pick(step, b, 2, 2900));
    out.mix.starts.push_back(pick(step, b, 4, 3000));
    out.mix.partner_starts.push_back(pick(step, b, 5, 6000));
    out.mix.snr.push_back(pick(step, b, 6, 15) - 5);
    out.mix.lambda.push_back(0.3);
  }
  return out;
}

}  // namespace ser::test
