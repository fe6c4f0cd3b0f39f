#include "train/trainer.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <optional>

#include "engine/no_sync.h"
#include "engine/upload.h"
#include "loss/multi/multi_loss.h"
#include "train/batch.h"
#include "train/batch_on_device.h"
#include "train/profile.h"

namespace ser {
namespace {

void check(const TrainerConfig& config) {
  const auto fail = [](const std::string& what) { throw Error("E_ARGUMENT", "trainer: " + what); };
  const LossWeights& w = config.losses;
  for (const double weight : {w.kl, w.focal, w.center, w.supcon}) {
    if (!(weight >= 0) || !std::isfinite(weight)) fail("loss weights must be finite and not negative");
  }
  if (w.kl + w.focal + w.center + w.supcon <= 0) fail("at least one loss must have a positive weight");
  if (!(config.gamma >= 0)) fail("gamma must not be negative, got " + std::to_string(config.gamma));
  if (!(config.temperature > 0)) fail("temperature must be positive, got " + std::to_string(config.temperature));
  if (!(config.beta1 >= 0 && config.beta1 < 1) || !(config.beta2 >= 0 && config.beta2 < 1))
    fail("beta1 and beta2 must be in [0, 1)");
  if (!(config.epsilon > 0)) fail("epsilon must be positive");
  if (!(config.weight_decay >= 0) || !(config.clip >= 0)) fail("weightDecay and clip must not be negative");
  if (!(config.average_decay >= 0 && config.average_decay < 1))
    fail("averageDecay must be in [0, 1), got " + std::to_string(config.average_decay));
  if (config.accumulate < 1) fail("accumulate must be at least 1, got " + std::to_string(config.accumulate));
}

void check_cancelled(const std::atomic<bool>& cancelled) {
  if (cancelled.load(std::memory_order_relaxed))
    throw Error("E_CANCELLED", "cancelled before the update; the weights are as they were");
}

// The figures of a step on their way to the host: total, gradient norm, whether it was bad, eight components, a prediction of each
// row and, where the device mixed, whether the row was skipped.
class QueuedStep final : public PendingStep {
 public:
  // `known` is what the host knew before, an element of mix_skipped a row.
  QueuedStep(const at::Tensor& figures, StepResult known) : result_(std::move(known)), on_device_(figures) {
    if (figures.is_cpu()) {
      host_ = figures;
      return;
    }
    host_ = at::empty(figures.sizes(), at::TensorOptions(at::kDouble).pinned_memory(true));
    host_.copy_(figures, /*non_blocking=*/true);
    copied_.emplace(figures.device().type());
    copied_->record(at::accelerator::getCurrentStream(figures.device().index()));
  }

  bool ready() const override { return !copied_ || copied_->query(); }

  StepResult result() override {
    if (copied_) copied_->synchronize();
    const double* f = host_.const_data_ptr<double>();
    result_.total = f[0];
    result_.grad_norm = f[1];
    result_.non_finite = f[2] != 0;
    result_.raw = {f[3], f[4], f[5], f[6]};
    result_.scaled = {f[7], f[8], f[9], f[10]};
    const std::size_t rows = result_.mix_skipped.size();
    for (std::size_t b = 0; b < rows; ++b) result_.predictions.push_back(static_cast<std::int32_t>(f[11 + b]));
    if (host_.numel() > static_cast<std::int64_t>(11 + rows)) {
      for (std::size_t b = 0; b < rows; ++b) result_.mix_skipped[b] = f[11 + rows + b] != 0 ? 1 : 0;
    }
    return std::move(result_);
  }

 private:
  StepResult result_;
  at::Tensor on_device_, host_;
  std::optional<c10::Event> copied_;
};

}  // namespace

Trainer::Trainer(std::shared_ptr<Model> model, const TrainerConfig& config) : model_(std::move(model)), config_(config) {
  check(config);
  const ModelConfig& shape = model_->config();
  if (!config_.class_weights.empty()) {
    if (static_cast<std::int64_t>(config_.class_weights.size()) != shape.classes)
      throw Error("E_ARGUMENT", "classWeights must have one weight for each of the " + std::to_string(shape.classes) +
                                    " classes, got " + std::to_string(config_.class_weights.size()));
    class_weights_ = at::tensor(config_.class_weights).to(model_->parameters().flat().options());
  }
  centers_ = at::zeros({shape.classes, shape.embedding}, model_->parameters().flat().options()).set_requires_grad(true);
  optimizer_ = std::make_unique<Optimizer>(model_->parameters(), centers_, config_);
}

std::unique_ptr<PendingStep> Trainer::begin(const SampleView& samples, const StepRequest& request,
                                            const std::atomic<bool>& cancelled, DeviceStore* on_device) {
  const ProfiledStep profiled;
  const NoSyncScope no_sync;
  profile_phase(Phase::mixing);
  const std::int64_t classes = model_->config().classes;
  if (on_device != nullptr) {
    const MixedBatch batch = make_training_batch(*on_device, request, classes, config_.seed);
    if (batch.waves.samples.defined()) return begin(batch, request, cancelled);
  }
  return begin(make_training_batch(samples, request, classes, config_.seed, model_->device()), request, cancelled);
}

std::unique_ptr<PendingStep> Trainer::begin(const FeatureStore& features, const StepRequest& request,
                                            const std::atomic<bool>& cancelled) {
  if (!model_->encoder_frozen()) throw Error("E_ARGUMENT", "stored frames cannot train a model whose encoder is trained too");
  const ProfiledStep profiled;
  const NoSyncScope no_sync;
  profile_phase(Phase::mixing);
  return begin(make_feature_batch(features, request, model_->config().classes, model_->device()), request, cancelled);
}

std::unique_ptr<PendingStep> Trainer::begin(const MixedBatch& batch, const StepRequest& request,
                                            const std::atomic<bool>& cancelled) {
  if (request.step < 0 || request.step > UINT32_MAX)
    throw Error("E_ARGUMENT", "step must be in 0..2^32 - 1, got " + std::to_string(request.step));
  const std::int64_t classes = model_->config().classes;
  const auto size = static_cast<std::int64_t>(batch.classes.size());
  check_cancelled(cancelled);

  profile_phase(Phase::optimiser);
  optimizer_->zero_gradients();
  at::Tensor total, components;
  std::vector<at::Tensor> predictions;
  const std::int64_t parts = std::min(config_.accumulate, size);
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t from = size * part / parts, to = size * (part + 1) / parts;
    const double share = static_cast<double>(to - from) / static_cast<double>(size);
    const AugmentRows augment = part_of(request.augment, from, to, size);
    const Outcome outcome = learn(part_of(batch, from, to, classes), augment, request.step, share, cancelled);
    total = part == 0 ? outcome.total : total + outcome.total;
    components = part == 0 ? outcome.components : components + outcome.components;
    predictions.push_back(outcome.predictions);
  }

  profile_phase(Phase::optimiser);
  const at::Tensor norm = optimizer_->gradient_norm();
  const at::Tensor bad = at::isfinite(total).logical_and(at::isfinite(norm)).logical_not().to(at::kFloat);
  optimizer_->step(norm, bad, request.learning_rate, request.center_learning_rate);

  profile_phase(Phase::other);
  StepResult known;
  known.audio_seconds = batch.seconds;
  known.mix_skipped = batch.skipped;
  // All figures leave the device in one copy.
  std::vector<at::Tensor> figures{total.view({1}), norm.view({1}), bad.to(at::kDouble).view({1}), components};
  figures.insert(figures.end(), predictions.begin(), predictions.end());
  if (batch.device_skipped.defined()) figures.push_back(batch.device_skipped.to(at::kDouble));
  return std::make_unique<QueuedStep>(at::cat(figures), std::move(known));
}

Trainer::Outcome Trainer::learn(const MixedBatch& batch, const AugmentRows& augment, std::int64_t step, double share,
                                const std::atomic<bool>& cancelled) {
  const at::Device device = model_->device();
  const auto size = static_cast<std::int64_t>(batch.classes.size());
  EncodeContext context;
  context.training = true;
  context.seed = config_.seed;
  context.step = static_cast<std::uint32_t>(step);
  context.augment = &augment;
  ModelOutput out;
  {
    PrecisionScope precision(config_.precision, device.type());
    const bool contrast = config_.losses.supcon > 0;
    Frames frames = batch.frames;
    if (!frames.values.defined()) {
      profile_phase(Phase::encoder);
      frames = model_->encode(batch.waves, context);
    }
    profile_phase(Phase::head);
    out = model_->forward(frames, context, contrast);
  }
  profile_phase(Phase::losses);
  MultiLossInput input{out.logits, out.embedding, out.contrast, {}, {}, centers_, class_weights_};
  input.labels = batch.device_labels.defined()
                     ? batch.device_labels
                     : upload(at::tensor(batch.labels).view({size, model_->config().classes}), device);
  input.base_classes = upload(at::tensor(batch.classes), device);
  const MultiLossOutput loss = multi_loss(input, {config_.losses, config_.gamma, config_.temperature});
  check_cancelled(cancelled);
  profile_phase(Phase::backward);
  torch::autograd::backward({share == 1 ? loss.total : loss.total * share});
  check_cancelled(cancelled);
  return {loss.total.detach() * share, loss.components * share, at::argmax(out.logits.detach(), 1).to(at::kDouble)};
}

NamedTensors Trainer::tensors() const {
  // What is frozen is not repeated in every checkpoint: it is what the model was made from.
  NamedTensors all = model_->parameters().named("model.", /*trained_only=*/true);
  const NamedTensors state = optimizer_->state();
  all.insert(all.end(), state.begin(), state.end());
  return all;
}

void Trainer::save(const std::string& path, const Metadata& metadata) const { write_safetensors(path, tensors(), metadata); }

void Trainer::load(const std::string& path) { copy_tensors(path, read_safetensors(path), tensors()); }

void Trainer::copy_average(Model& to) const {
  const ParameterSet& own = model_->parameters();
  ParameterSet& other = to.parameters();
  const auto same = [&] {
    if (own.all().size() != other.all().size()) return false;
    for (std::size_t i = 0; i < own.all().size(); ++i) {
      if (own.all()[i].name != other.all()[i].name || own.all()[i].tensor.sizes() != other.all()[i].tensor.sizes())
        return false;
    }
    return true;
  };
  if (!same()) throw Error("E_SHAPE", "the average can only be copied into a model of the same configuration");
  at::Tensor flat = other.flat();
  flat.copy_(optimizer_->average());
  at::Tensor buffers = other.buffers();
  buffers.copy_(optimizer_->buffer_average());
}

}  // namespace ser
