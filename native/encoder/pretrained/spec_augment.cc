#include "encoder/pretrained/spec_augment.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "engine/philox.h"
#include "engine/upload.h"

namespace ser {
namespace {

// Numbers in [0, 1), one after the other.
class Draws {
 public:
  Draws(const DropoutKey& key, std::uint32_t utterance)
      : key_{static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32) ^ (key.site * 0x9e3779b1u)},
        utterance_(utterance),
        step_(key.step) {}
  double next() {
    const std::uint32_t word = philox4x32({count_ / 4, 0, utterance_, step_}, key_)[count_ % 4];
    ++count_;
    return word * 0x1p-32;
  }

 private:
  PhiloxKey key_;
  std::uint32_t utterance_, step_, count_ = 0;
};

}  // namespace

std::vector<std::int64_t> mask_starts(std::int64_t size, double prob, std::int64_t length, std::int64_t least,
                                      const DropoutKey& key, std::uint32_t utterance) {
  if (prob <= 0 || size < length) return {};
  Draws draws(key, utterance);
  const std::int64_t places = size - length + 1;
  auto count = static_cast<std::int64_t>(prob * static_cast<double>(size) / static_cast<double>(length) + draws.next());
  count = std::min({std::max(count, least), size / length, places});
  // The first `count` steps of a shuffle, of which only the moved places are kept.
  std::unordered_map<std::int64_t, std::int64_t> moved;
  const auto at = [&](std::int64_t i) {
    const auto found = moved.find(i);
    return found == moved.end() ? i : found->second;
  };
  std::vector<std::int64_t> starts;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t j = i + static_cast<std::int64_t>(draws.next() * static_cast<double>(places - i));
    starts.push_back(at(j));
    moved[j] = at(i);
  }
  return starts;
}

at::Tensor spec_augment(const at::Tensor& x, const at::Tensor& embedding, const SpecAugmentConfig& config,
                        const DropoutKey& key, const SegmentsPtr& segments) {
  at::Tensor y = x;
  if (config.time_prob > 0) {
    at::Tensor mask = at::zeros({x.size(0), 1}, at::TensorOptions(at::kBool));
    for (std::int64_t b = 0; b < segments->count(); ++b) {
      for (const std::int64_t start :
           mask_starts(segments->length(b), config.time_prob, config.time_length, config.time_min, key, segments->keys[b])) {
        mask.narrow(0, segments->offsets[b] + start, config.time_length).fill_(true);
      }
    }
    y = at::where(upload(mask, x.device()), embedding.to(y.scalar_type()), y);
  }
  if (config.feature_prob > 0) {
    DropoutKey own = key;
    ++own.site;
    at::Tensor keep = at::ones({x.size(0), x.size(1)}, at::TensorOptions(at::kBool));
    for (std::int64_t b = 0; b < segments->count(); ++b) {
      for (const std::int64_t start :
           mask_starts(x.size(1), config.feature_prob, config.feature_length, config.feature_min, own, segments->keys[b])) {
        keep.narrow(0, segments->offsets[b], segments->length(b)).narrow(1, start, config.feature_length).fill_(false);
      }
    }
    y = y * upload(keep, x.device()).to(x.scalar_type());
  }
  return y;
}

}  // namespace ser
