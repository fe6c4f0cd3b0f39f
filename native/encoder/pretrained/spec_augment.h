// SpecAugment (Park et al. 2019) on the frames that enter the encoder, as transformers trains wav2vec2 and its kin.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "engine/dropout.h"
#include "engine/engine.h"
#include "engine/segments.h"

namespace ser {

// Starts of `length` long spans in 0..size - 1, each span whole and none twice: n = floor(prob * size / length + u), u uniform
// in [0, 1), at least `least`, and at most what fits without overlap. They may overlap nevertheless. Draws are a function of key
// and utterance; transformers draws one u for a batch, here each utterance has its own.
std::vector<std::int64_t> mask_starts(std::int64_t size, double prob, std::int64_t length, std::int64_t least,
                                      const DropoutKey& key, std::uint32_t utterance);

// Masked frames of x (sum(T) x D) become `embedding` (D); features masked for an utterance become zero. Time is drawn at key's
// site, features at the next.
at::Tensor spec_augment(const at::Tensor& x, const at::Tensor& embedding, const SpecAugmentConfig& config,
                        const DropoutKey& key, const SegmentsPtr& segments);

}  // namespace ser
