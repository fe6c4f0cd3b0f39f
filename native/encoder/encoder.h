// What the rest of the engine knows of an encoder: waveforms in, packed frames out.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/dropout.h"
#include "engine/engine.h"
#include "engine/parameters.h"
#include "engine/segments.h"

namespace ser {

// Waveforms at 16 kHz, full scale 1, one after the other in one float tensor of sum(N) samples.
struct Waves {
  at::Tensor samples;
  std::vector<std::int64_t> lengths;
  std::vector<std::uint32_t> keys;
};

// Frames of all utterances one after the other: values sum(T) x D.
struct Frames {
  at::Tensor values;
  SegmentsPtr segments;
};

struct EncodeContext {
  bool training = false;
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  // Augmentation of the spectrogram; null outside training. Waveform augmentation has been applied before.
  const AugmentRows* augment = nullptr;

  // `site` names the place of a dropout in the network.
  DropoutKey key(std::uint32_t site) const { return {seed, step, site}; }
};

class Encoder {
 public:
  virtual ~Encoder() = default;
  // D.
  virtual std::int64_t width() const = 0;
  // An utterance's frames do not depend on its batch mates. Throws E_ARGUMENT for augmentation that the encoder lacks.
  virtual Frames forward(const Waves& waves, const EncodeContext& context) const = 0;
};

// Registers the encoder's tensors in `parameters` under names starting with "encoder.".
std::unique_ptr<Encoder> make_mel_encoder(const MelEncoderConfig& config, ParameterSet& parameters, Initializer& initializer);

// Sites of dropout: the encoder's from 0, the head's from here.
inline constexpr std::uint32_t kHeadSite = 1u << 16;

}  // namespace ser
