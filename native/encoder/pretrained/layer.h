// The transformer layer that Whisper, wav2vec2, HuBERT and WavLM share, over packed frames (sum(T) x D).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "encoder/pretrained/pretrained_encoder.h"
#include "encoder/pretrained/projection.h"

namespace ser {

struct LayerConfig {
  std::int64_t width = 0, heads = 0, feed_forward = 0;
  bool pre_norm = true;  // h + f(LN(h)), else LN(h + f(h))
  double norm_epsilon = 1e-5;
  double hidden_dropout = 0;      // after attention and after the feed-forward layer
  double activation_dropout = 0;  // inside the feed-forward layer
  double layer_drop = 0;          // share of training steps that skip the layer, for the whole batch
  bool key_bias = true;           // Whisper's k has none: the merged bias then holds q's and v's alone
};

// Names of a layer's tensors as transformers writes them, after the layer's own prefix ("encoder.layers.3.").
struct LayerNames {
  std::string query, key, value, out;  // of the projections, without ".weight" and ".bias"
  std::string attention_norm, feed_norm;
  std::string expand, contract;
};

class TransformerLayer {
 public:
  // Softmax attention over each utterance's frames: `qkv` is sum(T) x 3D, q not yet scaled; `input` (sum(T) x D) is what q, k
  // and v were projected from, which WavLM's gates read. Returns sum(T) x D. May be called again in the backward pass, so it
  // holds what it needs by value.
  using Attend = std::function<at::Tensor(const at::Tensor& qkv, const at::Tensor& input)>;

  // Registers tensors as `name` + "qkv.weight" and so on; `site` is the first of kSites dropout sites. LoRA, where `adapt` asks
  // for it, is on q, k, v and out.
  TransformerLayer(const LayerConfig& config, const AdaptConfig& adapt, Placement placement, const std::string& name,
                   std::uint32_t site, ParameterSet& parameters, Initializer& initializer);

  // The caller's own dropout of attention weights may use the site after these.
  static constexpr std::uint32_t kSites = 8;

  // Recomputes itself in the backward pass where `adapt` asks for that and gradients are on: bit-equal, since dropout is a
  // function of its key. `attend_inputs` names all tensors with gradients that `attend` holds. The layer must live until then.
  at::Tensor forward(const at::Tensor& x, const SegmentsPtr& segments, const EncodeContext& context, const Attend& attend,
                     const std::vector<at::Tensor>& attend_inputs = {}) const;

  // Where the checkpoint's tensors of this layer go; `prefix` is the layer's in the checkpoint ("encoder.layers.3."). `merged`
  // appends copies with the adapters added instead.
  void append_targets(const LayerNames& names, const std::string& prefix, bool merged, std::vector<CheckpointTarget>& to) const;

 private:
  struct Norm {
    at::Tensor weight, bias;
  };
  at::Tensor normalise(const at::Tensor& x, const Norm& norm) const;
  at::Tensor run(const at::Tensor& x, const SegmentsPtr& segments, const EncodeContext& context, const Attend& attend) const;
  // The same by the operations of encoder/fused.h.
  at::Tensor run_fused(const at::Tensor& x, const SegmentsPtr& segments, const EncodeContext& context,
                       const Attend& attend) const;

  LayerConfig config_;
  bool checkpoints_;
  std::uint32_t site_;
  Norm attention_norm_, feed_norm_;
  Projection qkv_, out_, expand_, contract_;
  std::vector<at::Tensor> trained_;  // of the tensors above
};

}  // namespace ser
