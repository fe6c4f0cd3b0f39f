#include "encoder/pretrained/layer.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "encoder/fused.h"
#include "encoder/pretrained/layer_sites.h"
#include "engine/philox.h"

namespace ser {
namespace {

static_assert(kLayerDrop < TransformerLayer::kSites);

bool decide(double p, const DropoutKey& key) {
  if (p <= 0) return false;
  const PhiloxKey philox{static_cast<std::uint32_t>(key.seed),
                         static_cast<std::uint32_t>(key.seed >> 32) ^ (key.site * 0x9e3779b1u)};
  return philox4x32({0, 0, 0, key.step}, philox)[0] * 0x1p-32 < p;
}

// Autocast as it was when this was made. Without its cache: that may hold a copy of a weight made where gradients were off,
// through which no gradient would flow, and a layer uses each weight once anyway.
class AutocastState {
 public:
  explicit AutocastState(at::DeviceType device)
      : device_(device),
        enabled_(at::autocast::is_autocast_enabled(device)),
        cached_(at::autocast::is_autocast_cache_enabled()),
        type_(at::autocast::get_autocast_dtype(device)) {}
  void restore(bool cached) const {
    at::autocast::set_autocast_enabled(device_, enabled_);
    at::autocast::set_autocast_dtype(device_, type_);
    at::autocast::set_autocast_cache_enabled(cached);
  }
  bool cached() const { return cached_; }
  at::DeviceType device() const { return device_; }

 private:
  at::DeviceType device_;
  bool enabled_, cached_;
  at::ScalarType type_;
};

// What the backward pass needs to run a layer again.
struct Replay : torch::CustomClassHolder {
  Replay(std::function<at::Tensor(const at::Tensor&)> f, std::vector<at::Tensor> tensors, at::DeviceType device)
      : run(std::move(f)), inputs(std::move(tensors)), autocast(device) {}

  at::Tensor play(const at::Tensor& x) const {
    struct Scope {
      explicit Scope(const AutocastState& wanted) : before(wanted.device()) { wanted.restore(/*cached=*/false); }
      ~Scope() { before.restore(before.cached()); }
      AutocastState before;
    } scope(autocast);
    return run(x);
  }

  std::function<at::Tensor(const at::Tensor&)> run;
  std::vector<at::Tensor> inputs;  // all that need a gradient beside x
  AutocastState autocast;
};

struct Checkpointed : torch::autograd::Function<Checkpointed> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, at::TensorList /*inputs*/,
                            const c10::intrusive_ptr<Replay>& replay) {
    ctx->save_for_backward({x});
    ctx->saved_data["replay"] = c10::IValue::make_capsule(replay);
    return replay->play(x);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto replay = c10::static_intrusive_pointer_cast<Replay>(ctx->saved_data["replay"].toCapsule());
    const at::Tensor saved = ctx->get_saved_variables()[0];
    const at::Tensor x = saved.detach().set_requires_grad(saved.requires_grad());
    at::Tensor y;
    {
      const at::AutoGradMode with_gradients(true);
      y = replay->play(x);
    }
    torch::autograd::tensor_list wanted = replay->inputs;
    if (x.requires_grad()) wanted.push_back(x);
    torch::autograd::tensor_list found = torch::autograd::grad({y}, wanted, {grad[0]}, /*retain_graph=*/std::nullopt,
                                                               /*create_graph=*/false, /*allow_unused=*/true);
    at::Tensor dx;
    if (x.requires_grad()) {
      dx = found.back();
      found.pop_back();
    }
    found.insert(found.begin(), dx);
    found.emplace_back();
    return found;
  }
};

}  // namespace

TransformerLayer::TransformerLayer(const LayerConfig& config, const AdaptConfig& adapt, Placement placement,
                                   const std::string& name, std::uint32_t site, ParameterSet& parameters,
                                   Initializer& initializer)
    : config_(config), checkpoints_(adapt.checkpoint_activations), site_(site) {
  const auto add = [&](const std::string& part, at::Tensor initial, bool decay, Placement place) {
    at::Tensor tensor = parameters.add(name + part, std::move(initial), decay, place);
    if (place.trained) trained_.push_back(tensor);
    return tensor;
  };
  const auto norm = [&](const std::string& part) {
    return Norm{add(part + ".weight", initializer.ones({config.width}), false, placement),
                add(part + ".bias", initializer.zeros({config.width}), false, placement)};
  };
  // Zeros stand for what a checkpoint brings: drawing numbers for it would cost seconds.
  const auto linear = [&](const std::string& part, std::int64_t out, std::int64_t in, std::int64_t biases) {
    at::Tensor weight = add(part + ".weight", initializer.zeros({out, in}), true, placement);
    return Projection(weight, add(part + ".bias", initializer.zeros({biases}), false, placement));
  };
  const auto adapter = [&](const std::string& part, std::int64_t parts, Projection& of) {
    if (adapt.lora_rank <= 0) return;
    const std::int64_t in = of.weight().size(1), out = of.weight().size(0), rank = adapt.lora_rank;
    const Placement place{true, placement.rate};
    Adapter made;
    made.down = add(part + ".lora_down", initializer.uniform({parts * rank, in}, in), true, place);
    made.up = add(part + ".lora_up", initializer.zeros({parts, out / parts, rank}), true, place);
    made.scale = adapt.lora_alpha / static_cast<double>(rank);
    made.dropout = adapt.lora_dropout;
    made.parts = parts;
    of.adapt(std::move(made));
  };
  const std::int64_t width = config.width;
  attention_norm_ = norm("attention_norm");
  qkv_ = linear("qkv", 3 * width, width, config.key_bias ? 3 * width : 2 * width);
  adapter("qkv", 3, qkv_);
  out_ = linear("out", width, width, width);
  adapter("out", 1, out_);
  feed_norm_ = norm("feed_norm");
  expand_ = linear("expand", config.feed_forward, width, config.feed_forward);
  contract_ = linear("contract", width, config.feed_forward, width);
}

at::Tensor TransformerLayer::normalise(const at::Tensor& x, const Norm& norm) const {
  return at::layer_norm(x, {config_.width}, norm.weight, norm.bias, config_.norm_epsilon);
}

at::Tensor TransformerLayer::run(const at::Tensor& input, const SegmentsPtr& segments, const EncodeContext& context,
                                 const Attend& attend) const {
#ifdef SER_CUDA
  if (has_fused(input)) return run_fused(input, segments, context, attend);
#endif
  const auto key = [&](LayerSite site) { return context.key(site_ + site); };
  const double hidden_p = context.training ? config_.hidden_dropout : 0.0;
  const double inside_p = context.training ? config_.activation_dropout : 0.0;
  // A frozen layer under trained ones is computed as in inference.
  const bool training = context.training && (!trained_.empty() || input.requires_grad());
  const at::Tensor a = config_.pre_norm ? normalise(input, attention_norm_) : input;
  const at::Tensor attended = attend(qkv_.forward(a, segments, training, key(kQkvAdapter)), a);
  at::Tensor x = dropout_add(out_.forward(attended, segments, training, key(kOutAdapter)), input, 1, hidden_p,
                             key(kAfterAttention), segments);
  if (!config_.pre_norm) x = normalise(x, attention_norm_);
  const at::Tensor b = config_.pre_norm ? normalise(x, feed_norm_) : x;
  const at::Tensor hidden = at::gelu(expand_.forward(b, segments, training, {}));
  const at::Tensor fed = contract_.forward(dropout(hidden, inside_p, key(kInsideFeed), segments), segments, training, {});
  x = dropout_add(fed, x, 1, hidden_p, key(kAfterFeed), segments);
  return config_.pre_norm ? x : normalise(x, feed_norm_);
}

at::Tensor TransformerLayer::forward(const at::Tensor& x, const SegmentsPtr& segments, const EncodeContext& context,
                                     const Attend& attend, const std::vector<at::Tensor>& attend_inputs) const {
  if (context.training && decide(config_.layer_drop, context.key(site_ + kLayerDrop))) return x;
  if (!checkpoints_ || !at::GradMode::is_enabled()) return run(x, segments, context, attend);
  std::vector<at::Tensor> inputs = trained_;
  std::copy_if(attend_inputs.begin(), attend_inputs.end(), std::back_inserter(inputs),
               [](const at::Tensor& tensor) { return tensor.requires_grad(); });
  if (inputs.empty() && !x.requires_grad()) return run(x, segments, context, attend);
  EncodeContext kept = context;
  kept.augment = nullptr;  // the caller's, gone by then
  const auto again = [this, segments, kept, attend](const at::Tensor& in) { return run(in, segments, kept, attend); };
  const auto replay = c10::make_intrusive<Replay>(again, std::move(inputs), x.device().type());
  return Checkpointed::apply(x, at::TensorList(replay->inputs), replay);
}

void TransformerLayer::append_targets(const LayerNames& names, const std::string& prefix, bool merged,
                                      std::vector<CheckpointTarget>& to) const {
  const auto pair = [&](const std::string& name, const at::Tensor& weight, const at::Tensor& bias) {
    to.push_back({prefix + name + ".weight", weight.detach(), {}});
    to.push_back({prefix + name + ".bias", bias.detach(), {}});
  };
  const std::int64_t width = config_.width;
  const auto weight_of = [&](const Projection& projection) {
    return (merged ? projection.merged_weight() : projection.weight()).detach();
  };
  const at::Tensor weight = weight_of(qkv_), bias = qkv_.bias().detach();
  const std::string* parts[] = {&names.query, &names.key, &names.value};
  std::int64_t bias_start = 0;
  for (std::int64_t part = 0; part < 3; ++part) {
    to.push_back({prefix + *parts[part] + ".weight", weight.narrow(0, part * width, width), {}});
    if (part == 1 && !config_.key_bias) continue;
    to.push_back({prefix + *parts[part] + ".bias", bias.narrow(0, bias_start, width), {}});
    bias_start += width;
  }
  pair(names.out, weight_of(out_), out_.bias());
  pair(names.attention_norm, attention_norm_.weight, attention_norm_.bias);
  pair(names.feed_norm, feed_norm_.weight, feed_norm_.bias);
  pair(names.expand, expand_.weight(), expand_.bias());
  pair(names.contract, contract_.weight(), contract_.bias());
}

}  // namespace ser
