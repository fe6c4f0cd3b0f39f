#include "engine/engine.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <mutex>

#include "audio/sample_store.h"
#include "bench/op_cases.h"
#include "bench/roofline.h"
#include "bench/stopwatch.h"
#include "bench/time_op.h"
#include "engine/arena.h"
#include "engine/handle_table.h"
#include "engine/open_device.h"
#include "engine/philox.h"
#include "loss/multi/multi_loss.h"
#include "train/batch.h"
#include "train/batch_on_device.h"
#include "train/feature_store.h"
#include "train/profile.h"
#include "train/trainer.h"

namespace ser {
namespace {

// Settings of the process, not of an engine: several environments (worker threads) share one LibTorch.
void set_up_process(const StartOptions& options) {
  static std::once_flag once;
  std::call_once(once, [&] {
    install_arena();
    at::set_num_threads(options.threads);
    // cuDNN's attention gives NaN gradients with masks on some GPUs (pytorch#196678).
    at::globalContext().setSDPUseCuDNN(false);
    // float32 is float32: LibTorch would let cuDNN round its products to TF32.
    at::globalContext().setAllowTF32CuDNN(false);
    if (options.deterministic) {
      at::globalContext().setDeterministicCuDNN(true);
      at::globalContext().setBenchmarkCuDNN(false);
      at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
      // The mode also fills every new tensor with NaN to expose reads of it; no operation here reads what it has not written.
      at::globalContext().setDeterministicFillUninitializedMemory(false);
    }
  });
}

template <typename T>
at::Tensor to_tensor(const std::vector<T>& values, at::IntArrayRef shape, const char* name) {
  std::int64_t expected = 1;
  for (const std::int64_t size : shape) expected *= size;
  if (static_cast<std::int64_t>(values.size()) != expected) {
    throw Error("E_ARGUMENT", std::string(name) + " must have " + std::to_string(expected) + " elements, got " +
                                  std::to_string(values.size()));
  }
  return at::tensor(values).view(shape);
}

template <typename T>
std::vector<T> to_vector(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().cpu().contiguous().view({-1});
  return {flat.const_data_ptr<T>(), flat.const_data_ptr<T>() + flat.numel()};
}

std::vector<std::int32_t> frame_counts(const Segments& segments) {
  std::vector<std::int32_t> counts;
  for (std::int64_t b = 0; b < segments.count(); ++b) counts.push_back(static_cast<std::int32_t>(segments.length(b)));
  return counts;
}

class TorchEngine final : public Engine {
 public:
  TorchEngine(const StartOptions& options, const std::atomic<bool>& cancelled) : cancelled_(cancelled), device_(at::kCPU) {
    if (options.threads < 1) throw Error("E_ARGUMENT", "threads must be at least 1, got " + std::to_string(options.threads));
    if (options.device == Device::cuda) {
      device_ = open_cuda_device();
      // Of this thread; threads of a backward pass set their own.
      at::accelerator::setDeviceIndex(device_.index());
    }
    set_up_process(options);
  }
  ~TorchEngine() override { trim_arena(); }

  double self_test() override;

  Handle open_store(const std::string& path, std::int64_t samples) override {
    return objects_.add(std::make_shared<SampleStore>(path, samples));
  }

  Handle create_model(const ModelConfig& config, std::uint64_t seed, Handle base) override {
    const auto made = std::make_shared<Model>(config, seed, device_);
    if (base != 0) made->take_weights(*model(base));
    return objects_.add(made);
  }

  std::vector<std::string> load_pretrained(Handle handle, const std::vector<std::string>& files) override {
    return model(handle)->load_pretrained(files);
  }

  ModelInfo model_info(Handle handle) override {
    const auto owner = model(handle);
    ModelInfo info;
    info.parameters = owner->parameters().count();
    info.frame_width = owner->frame_width();
    for (const auto& [name, tensor] : owner->parameters().named()) info.tensors.push_back({name, tensor.sizes().vec()});
    return info;
  }

  void save_model(Handle handle, const std::string& path, const Metadata& metadata) override {
    write_safetensors(path, model(handle)->checkpoint_tensors(), metadata);
  }

  void export_encoder(Handle handle, const std::string& path, const std::string& prefix, const Metadata& metadata) override {
    write_safetensors(path, model(handle)->encoder_tensors(prefix), metadata);
  }

  void load_model(Handle handle, const std::string& path) override { model(handle)->load_checkpoint(path); }

  Handle create_trainer(Handle handle, const TrainerConfig& config) override {
    return objects_.add(std::make_shared<Trainer>(model(handle), config));
  }

  std::unique_ptr<PendingStep> begin_step(Handle handle, Handle store_handle, const StepRequest& request) override {
    if (request.rows.frames) return trainer(handle)->begin(*features(store_handle), request, cancelled_);
    const auto samples = store(store_handle);
    // Before the step: copying a corpus waits for the device, which nothing in a step may.
    if (!device_.is_cpu() && samples->on_device() == nullptr) samples->on_device() = place_on_device(samples->view(), device_);
    return trainer(handle)->begin(samples->view(), request, cancelled_, samples->on_device().get());
  }

  void save_trainer(Handle handle, const std::string& path, const Metadata& metadata) override {
    trainer(handle)->save(path, metadata);
  }
  void load_trainer(Handle handle, const std::string& path) override { trainer(handle)->load(path); }
  void copy_average(Handle handle, Handle to) override { trainer(handle)->copy_average(*model(to)); }

  ForwardResult forward_rows(Handle handle, Handle store_handle, const Rows& rows, const ForwardOptions& options) override {
    const auto owner = model(handle);
    if (rows.frames) return forward(*owner, features(store_handle)->gather(rows, device_), options);
    return forward(*owner, make_waves(store(store_handle)->view(), rows, device_), options);
  }

  ForwardResult forward_samples(Handle handle, const std::vector<std::vector<float>>& samples,
                                const ForwardOptions& options) override {
    return forward(*model(handle), pack(samples), options);
  }

  std::vector<std::int32_t> append_features(Handle handle, Handle store_handle, const Rows& rows, const std::string& path,
                                            Precision precision) override {
    const auto owner = model(handle);
    const Waves waves = make_waves(store(store_handle)->view(), rows, device_);
    check_cancelled();
    at::NoGradGuard no_grad;
    PrecisionScope scope(precision, device_.type());
    const Frames frames = owner->encode(waves, EncodeContext());
    check_cancelled();
    append_frames(path, frames.values);
    return frame_counts(*frames.segments);
  }

  Handle open_features(const std::string& path, std::int64_t frames, std::int64_t width) override {
    return objects_.add(std::make_shared<FeatureStore>(path, frames, width));
  }

  Handle create_encoder(const EncoderConfig& config, const std::vector<std::string>& files) override {
    return objects_.add(std::make_shared<LoneEncoder>(config, files, device_));
  }

  EncodeResult encode(Handle handle, const std::vector<std::vector<float>>& samples, const EncodeOptions& options) override;

  void release(Handle handle) override {
    objects_.release(handle);
    trim_arena();
  }

  MixSamplesResult mix_samples(const MixSamplesRequest& request) override;
  FrameAttentionResult<float> frame_attention(const FrameAttentionRequest<float>& request) override { return attend(request); }
  FrameAttentionResult<double> frame_attention(const FrameAttentionRequest<double>& request) override {
    return attend(request);
  }
  MultiLossResult<float> multi_loss(const MultiLossRequest<float>& request) override { return losses(request); }
  MultiLossResult<double> multi_loss(const MultiLossRequest<double>& request) override { return losses(request); }

  DeviceRates measure_device(const std::vector<Precision>& precisions, double seconds) override {
    return ser::measure_device(device_, precisions, seconds, cancelled_);
  }
  std::vector<std::string> op_names() override { return ser::op_names(); }
  OpTiming time_op(const OpRequest& request) override { return ser::time_op(request, device_, cancelled_); }
  MemoryUse memory_use(bool reset) override { return ser::memory_use(device_, reset); }

  void start_profile() override { profile_ = std::make_unique<Profile>(device_); }
  ProfileResult stop_profile(const std::string& path) override {
    if (profile_ == nullptr) throw Error("E_ARGUMENT", "no profile runs");
    const std::unique_ptr<Profile> ending = std::move(profile_);
    return ending->finish(path);
  }

 private:
  std::shared_ptr<Model> model(Handle handle) const { return objects_.get<Model>(handle, "model"); }
  std::shared_ptr<Trainer> trainer(Handle handle) const { return objects_.get<Trainer>(handle, "trainer"); }
  std::shared_ptr<FeatureStore> features(Handle handle) const { return objects_.get<FeatureStore>(handle, "feature store"); }
  std::shared_ptr<SampleStore> store(Handle handle) const { return objects_.get<SampleStore>(handle, "store"); }

  void check_cancelled() const {
    if (cancelled_.load(std::memory_order_relaxed)) throw Error("E_CANCELLED", "cancelled");
  }

  Waves pack(const std::vector<std::vector<float>>& samples) const;
  // `Input` is Waves or Frames.
  template <typename Input>
  ForwardResult forward(const Model& owner, const Input& input, const ForwardOptions& options) const;
  template <typename T>
  FrameAttentionResult<T> attend(const FrameAttentionRequest<T>& request);
  template <typename T>
  MultiLossResult<T> losses(const MultiLossRequest<T>& request);

  const std::atomic<bool>& cancelled_;
  at::Device device_;
  HandleTable<SampleStore, Model, Trainer, LoneEncoder, FeatureStore> objects_;
  std::unique_ptr<Profile> profile_;
};

Waves TorchEngine::pack(const std::vector<std::vector<float>>& samples) const {
  if (samples.empty()) throw Error("E_ARGUMENT", "samples must hold at least one utterance");
  std::vector<float> packed;
  Waves waves;
  for (std::size_t b = 0; b < samples.size(); ++b) {
    if (samples[b].size() < 400) {
      throw Error("E_ARGUMENT", "samples[" + std::to_string(b) + "] must have at least 400 samples (25 ms at 16 kHz), got " +
                                    std::to_string(samples[b].size()));
    }
    for (const float value : samples[b]) {
      if (!std::isfinite(value))
        throw Error("E_ARGUMENT", "samples[" + std::to_string(b) + "] must be finite; it has NaN or infinity");
    }
    packed.insert(packed.end(), samples[b].begin(), samples[b].end());
    waves.lengths.push_back(static_cast<std::int64_t>(samples[b].size()));
    waves.keys.push_back(0);
  }
  waves.samples = at::tensor(packed).to(device_);
  return waves;
}

EncodeResult TorchEngine::encode(Handle handle, const std::vector<std::vector<float>>& samples, const EncodeOptions& options) {
  const auto encoder = objects_.get<LoneEncoder>(handle, "encoder");
  const Waves waves = pack(samples);
  check_cancelled();
  at::InferenceMode inference;
  PrecisionScope precision(options.precision, device_.type());
  const HiddenStates out = encoder->forward(waves, options.hidden_states);
  EncodeResult result;
  result.width = encoder->width();
  result.frames = frame_counts(*out.segments);
  result.last = to_vector<float>(out.last.to(at::kFloat));
  for (const at::Tensor& state : out.states) result.hidden.push_back(to_vector<float>(state.to(at::kFloat)));
  check_cancelled();
  return result;
}

template <typename Input>
ForwardResult TorchEngine::forward(const Model& owner, const Input& input, const ForwardOptions& options) const {
  check_cancelled();
  at::NoGradGuard no_grad;
  PrecisionScope precision(options.precision, device_.type());
  const ModelOutput out = owner.forward(input, EncodeContext(), /*contrast=*/false);
  ForwardResult result;
  result.logits = to_vector<float>(out.logits);
  if (options.embedding) result.embedding = to_vector<float>(out.embedding);
  if (options.weights) {
    if (!out.weights.defined()) throw Error("E_ARGUMENT", "max pooling has no pooling weights; ask for them with flam or mean");
    result.weights = to_vector<float>(out.weights.to(at::kFloat));
  }
  result.frames = frame_counts(*out.segments);
  check_cancelled();
  return result;
}

MixSamplesResult TorchEngine::mix_samples(const MixSamplesRequest& request) {
  const SampleView samples{request.samples.data(), static_cast<std::int64_t>(request.samples.size())};
  check_rows(samples, request.rows);
  check_mix(samples, request.rows, request.mix);
  MixSamplesResult result;
  for (std::size_t b = 0; b < request.rows.offsets.size(); ++b) {
    const std::int64_t length = mixed_length(request.rows, request.mix, b);
    const std::size_t start = result.samples.size();
    result.samples.resize(start + static_cast<std::size_t>(length));
    result.skipped.push_back(mix_row(samples, request.rows, request.mix, b, result.samples.data() + start) ? 1 : 0);
    result.lengths.push_back(static_cast<std::int32_t>(length));
  }
  return result;
}

template <typename T>
FrameAttentionResult<T> TorchEngine::attend(const FrameAttentionRequest<T>& request) {
  const std::int64_t width = request.width;
  if (width < 1 || request.heads < 1 || width % request.heads != 0) {
    throw Error("E_ARGUMENT",
                "heads (" + std::to_string(request.heads) + ") must divide width (" + std::to_string(width) + ")");
  }
  if (request.lengths.empty()) throw Error("E_ARGUMENT", "lengths must name at least one utterance");
  std::vector<std::int64_t> lengths;
  for (const std::int32_t length : request.lengths) {
    if (length < 1) throw Error("E_ARGUMENT", "lengths must be positive, got " + std::to_string(length));
    lengths.push_back(length);
  }
  const SegmentsPtr segments = make_segments(lengths);
  const auto input = [&](const std::vector<T>& values, at::IntArrayRef shape, const char* name) {
    return to_tensor(values, shape, name).set_requires_grad(true);
  };
  at::AutoGradMode with_grad(true);
  const at::Tensor frames = input(request.frames, {segments->total(), width}, "frames");
  const FlamWeights weights{input(request.input_weight, {3 * width, width}, "inputWeight"),
                            input(request.input_bias, {3 * width}, "inputBias"),
                            input(request.output_weight, {width, width}, "outputWeight"),
                            input(request.output_bias, {width}, "outputBias"),
                            input(request.score, {width}, "score"),
                            request.heads};
  const FlamOutput out = flam(frames, flam_projection(frames, weights), weights, segments);
  const at::Tensor upstream = request.upstream.empty() ? at::ones_like(out.pooled)
                                                       : to_tensor(request.upstream, {segments->count(), width}, "upstream");
  const auto gradients = torch::autograd::grad(
      {out.pooled},
      {frames, weights.input_weight, weights.input_bias, weights.output_weight, weights.output_bias, weights.score},
      {upstream});
  return {to_vector<T>(out.pooled),   to_vector<T>(out.weights),  to_vector<T>(gradients[0]), to_vector<T>(gradients[1]),
          to_vector<T>(gradients[2]), to_vector<T>(gradients[3]), to_vector<T>(gradients[4]), to_vector<T>(gradients[5])};
}

template <typename T>
MultiLossResult<T> TorchEngine::losses(const MultiLossRequest<T>& request) {
  const std::int64_t batch = request.batch, classes = request.classes, width = request.embedding_width;
  if (batch < 1 || classes < 1 || width < 1)
    throw Error("E_ARGUMENT", "multiLoss needs at least one row, one class and one embedding value");
  if (static_cast<std::int64_t>(request.base_classes.size()) != batch) {
    throw Error("E_ARGUMENT", "baseClasses must have one value a row, " + std::to_string(batch) + ", got " +
                                  std::to_string(request.base_classes.size()));
  }
  for (const std::int32_t c : request.base_classes) {
    if (c < 0 || c >= classes)
      throw Error("E_ARGUMENT", "baseClasses must be in 0.." + std::to_string(classes - 1) + ", got " + std::to_string(c));
  }
  if (!(request.temperature > 0))
    throw Error("E_ARGUMENT", "temperature must be positive, got " + std::to_string(request.temperature));
  if (!(request.gamma >= 0)) throw Error("E_ARGUMENT", "gamma must not be negative, got " + std::to_string(request.gamma));
  const auto input = [&](const std::vector<T>& values, std::int64_t rows, std::int64_t columns, const char* name) {
    return to_tensor(values, {rows, columns}, name).set_requires_grad(true);
  };
  at::AutoGradMode with_grad(true);
  MultiLossInput in;
  in.logits = input(request.logits, batch, classes, "logits");
  in.embedding = input(request.embedding, batch, width, "embedding");
  in.contrast = input(request.contrast, batch, width, "contrast");
  in.centers = input(request.centers, classes, width, "centers");
  in.labels = to_tensor(request.labels, {batch, classes}, "labels");
  in.base_classes = at::tensor(request.base_classes);
  if (!request.class_weights.empty()) in.class_weights = to_tensor(request.class_weights, {classes}, "classWeights");
  const MultiLossOutput out = ser::multi_loss(in, {request.weights, request.gamma, request.temperature});
  const auto gradients = torch::autograd::grad({out.total}, {in.logits, in.embedding, in.contrast, in.centers});
  const std::vector<double> parts = to_vector<double>(out.components);
  MultiLossResult<T> result;
  result.total = out.total.template item<double>();
  result.raw = {parts[0], parts[1], parts[2], parts[3]};
  result.scaled = {parts[4], parts[5], parts[6], parts[7]};
  result.d_logits = to_vector<T>(gradients[0]);
  result.d_embedding = to_vector<T>(gradients[1]);
  result.d_contrast = to_vector<T>(gradients[2]);
  result.d_centers = to_vector<T>(gradients[3]);
  return result;
}

// Two steps of a tiny model on noise: every kind of operation that training uses, in well under a second.
double TorchEngine::self_test() {
  ModelConfig config;
  config.classes = 3;
  config.mel.width = 32;
  config.mel.layers = 1;
  config.mel.heads = 2;
  config.mel.feed_forward = 64;
  config.pooling_heads = 4;
  config.embedding = 8;
  std::vector<std::int16_t> samples(4 * 8000);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<std::int16_t>(philox4x32({static_cast<std::uint32_t>(i), 0, 0, 0}, {1, 2})[0] >> 18);
  }
  StepRequest request;
  for (int b = 0; b < 4; ++b) {
    request.rows.offsets.push_back(b * 8000);
    request.rows.lengths.push_back(8000 - 1000 * b);
    request.rows.keys.push_back(static_cast<std::uint32_t>(b));
    for (int c = 0; c < 3; ++c) request.labels.push_back(c == b % 3 ? 1.0f : 0.0f);
  }
  request.learning_rate = 1e-3;
  request.center_learning_rate = 5e-3;
  Trainer trainer(std::make_shared<Model>(config, 1, device_), TrainerConfig());
  const SampleView view{samples.data(), static_cast<std::int64_t>(samples.size())};
  trainer.begin(view, request, cancelled_)->result();
  request.step = 1;
  const StepResult result = trainer.begin(view, request, cancelled_)->result();
  if (result.non_finite) throw Error("E_INTERNAL", "the self-test gave a loss that is not finite; this build must not be used");
  return result.total;
}

}  // namespace

std::unique_ptr<Engine> make_engine(const StartOptions& options, const std::atomic<bool>& cancelled) {
  return std::make_unique<TorchEngine>(options, cancelled);
}

}  // namespace ser
