// What the binding may ask of the engine, in plain C++: neither napi.h nor a torch header is seen here, so that the two
// never meet in one translation unit. The structs mirror bindings.d.ts, where units and shapes are documented.
//
// Every method of Engine but cancelled-flag access runs on the engine thread, one at a time. Methods throw ser::Error or
// anything LibTorch throws; describe_current_exception() turns both into a stable code and a sentence.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ser {

class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

struct ErrorInfo {
  std::string code;
  std::string message;
};

using Handle = std::uint32_t;
using Metadata = std::map<std::string, std::string>;

struct BuildInfo {
  std::string libtorch;
  std::string capability;
  std::string compiler;
  bool cuda = false;
};

enum class Precision { fp32, bf16 };
enum class Device { cpu, cuda };
enum class Pooling { flam, mean, max };
enum class Block { transformer, conformer };
enum class MixKind { none, eam, lam };

struct StartOptions {
  int threads = 1;
  Device device = Device::cpu;
  bool deterministic = true;
};

struct MelEncoderConfig {
  std::int64_t bands = 80;
  double mean = std::numeric_limits<double>::quiet_NaN();  // NaN = each utterance's own
  double deviation = 4;
  std::int64_t conv_channels = 24;
  std::int64_t conv_layers = 4;
  std::int64_t width = 192;
  std::int64_t layers = 2;
  std::int64_t heads = 4;
  std::int64_t feed_forward = 768;
  Block block = Block::transformer;
  std::int64_t conv_kernel = 15;
  double dropout = 0.1;
};

enum class EncoderKind { mel, whisper, ssl };

// Whisper's encoder: log-mel, two convolutions, pre-norm transformer layers.
struct WhisperEncoderConfig {
  std::int64_t bands = 80;
  std::int64_t width = 384;
  std::int64_t layers = 4;
  std::int64_t heads = 6;
  std::int64_t feed_forward = 1536;
  std::int64_t positions = 1500;
  bool window30 = false;  // pad to 30 s as transformers does, instead of each utterance at its own length
  double dropout = 0, attention_dropout = 0, activation_dropout = 0, layer_drop = 0;
};

enum class SslFamily { wav2vec2, hubert, wavlm };

struct SpecAugmentConfig {
  double time_prob = 0, feature_prob = 0;
  std::int64_t time_length = 10, time_min = 2, feature_length = 10, feature_min = 0;
};

// wav2vec2, HuBERT and WavLM; fields as in config.json.
struct SslEncoderConfig {
  SslFamily family = SslFamily::wavlm;
  std::vector<std::int64_t> conv_channels, conv_kernels, conv_strides;
  bool conv_bias = false;
  bool group_norm = true;    // feat_extract_norm: group (first layer only) or layer (every layer)
  bool project_norm = true;  // feat_proj_layer_norm
  std::int64_t width = 768;
  std::int64_t layers = 12;
  std::int64_t heads = 12;
  std::int64_t feed_forward = 3072;
  bool pre_norm = false;  // do_stable_layer_norm
  double norm_epsilon = 1e-5;
  std::int64_t position_kernel = 128, position_groups = 16;
  std::int64_t buckets = 320, max_distance = 800;  // WavLM's relative position bias
  bool normalize = false;                          // of the waveform, as preprocessor_config.json says
  double hidden_dropout = 0, attention_dropout = 0, activation_dropout = 0, projection_dropout = 0, layer_drop = 0;
  SpecAugmentConfig spec_augment;
};

// What of a pretrained encoder is trained, and how its frames are taken.
struct AdaptConfig {
  std::int64_t trainable_layers = 0;  // the last so many layers; all of them and what lies before them: -1
  bool train_extractor = false;       // convolutions before the projection as well, where trainable_layers is -1
  double rate = 1;                    // learning rate of the last layer = this times that of the head
  double layer_decay = 1;             // learning rate of a layer = this times that of the layer above
  bool layer_sum = false;             // learned sum over all hidden states instead of the last layer
  std::int64_t lora_rank = 0;         // adapters on q, k, v and out of every layer; 0 = none
  double lora_alpha = 16, lora_dropout = 0;
  bool checkpoint_activations = false;  // recompute a layer in the backward pass instead of keeping its activations
};

// `kind` says which of the others counts; `adapt` is for pretrained kinds.
struct EncoderConfig {
  EncoderKind kind = EncoderKind::mel;
  MelEncoderConfig mel;
  WhisperEncoderConfig whisper;
  SslEncoderConfig ssl;
  AdaptConfig adapt;
};

struct ModelConfig : EncoderConfig {
  std::int64_t classes = 0;
  Pooling pooling = Pooling::flam;
  std::int64_t pooling_heads = 16;
  std::int64_t embedding = 64;
  double head_dropout = 0.2;
};

struct TensorInfo {
  std::string name;
  std::vector<std::int64_t> shape;
};

struct ModelInfo {
  std::int64_t parameters = 0;
  std::int64_t frame_width = 0;
  std::vector<TensorInfo> tensors;
};

struct LossWeights {
  double kl = 1, focal = 1, center = 1, supcon = 1;
};
using LossValues = LossWeights;

struct TrainerConfig {
  LossWeights losses;
  double gamma = 2;
  double temperature = 0.1;
  double weight_decay = 0.01;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double clip = 1;
  double average_decay = 0;
  std::uint64_t seed = 0;
  Precision precision = Precision::fp32;
  std::int64_t accumulate = 1;        // parts that a batch is computed in, one after the other
  std::vector<double> class_weights;  // of KL and focal; empty = ones
};

struct Rows {
  bool frames = false;  // offsets and lengths count frames of a feature store instead of samples
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> lengths;
  std::vector<std::uint32_t> keys;
};

struct MixRows {
  MixKind kind = MixKind::none;
  std::vector<std::uint8_t> active;
  std::vector<std::int64_t> partner_offsets, partner_lengths;
  std::vector<std::int64_t> starts, partner_starts, segment_lengths;
  std::vector<double> snr, lambda;
};

struct AugmentRows {  // an empty vector switches a kind off
  std::vector<float> speed, gain, noise, warp, tempo;
  std::vector<float> time_masks;
  std::vector<std::int32_t> band_masks;
};

struct StepRequest {
  Rows rows;
  std::vector<float> labels;
  MixRows mix;
  std::vector<float> partner_labels;
  AugmentRows augment;
  std::int64_t step = 0;
  double learning_rate = 0;
  double center_learning_rate = 0;
};

struct StepResult {
  double total = 0;
  LossValues raw, scaled;
  double grad_norm = 0;
  double audio_seconds = 0;
  bool non_finite = false;
  std::vector<std::uint8_t> mix_skipped;
  std::vector<std::int32_t> predictions;
};

// A step that has been handed to the device: its figures come later, so that the next step can be handed over meanwhile.
class PendingStep {
 public:
  virtual ~PendingStep() = default;
  // Whether result() would not wait.
  virtual bool ready() const = 0;
  // Waits for the device; once.
  virtual StepResult result() = 0;
};

struct ForwardOptions {
  bool embedding = false;
  bool weights = false;
  Precision precision = Precision::fp32;
};

struct ForwardResult {
  std::vector<float> logits, embedding, weights;
  std::vector<std::int32_t> frames;
};

struct EncodeOptions {
  bool hidden_states = false;
  Precision precision = Precision::fp32;
};

struct EncodeResult {
  std::int64_t width = 0;
  std::vector<std::int32_t> frames;
  std::vector<float> last;                 // sum(frames) x D
  std::vector<std::vector<float>> hidden;  // N + 1 of the same shape, when asked for
};

struct MixSamplesRequest {
  std::vector<std::int16_t> samples;
  Rows rows;
  MixRows mix;
};

struct MixSamplesResult {
  std::vector<float> samples;
  std::vector<std::int32_t> lengths;
  std::vector<std::uint8_t> skipped;
};

// T is float or double: the precision that the op computes in.
template <typename T>
struct FrameAttentionRequest {
  std::vector<T> frames;
  std::vector<std::int32_t> lengths;
  std::int64_t width = 0;
  std::int64_t heads = 1;
  std::vector<T> input_weight, input_bias, output_weight, output_bias, score;
  std::vector<T> upstream;  // empty = ones
};

template <typename T>
struct FrameAttentionResult {
  std::vector<T> pooled, weights;
  std::vector<T> d_frames, d_input_weight, d_input_bias, d_output_weight, d_output_bias, d_score;
};

template <typename T>
struct MultiLossRequest {
  std::int64_t batch = 0, classes = 0, embedding_width = 0;
  std::vector<T> logits, embedding, contrast, labels, centers;
  std::vector<T> class_weights;  // empty = ones
  std::vector<std::int32_t> base_classes;
  LossWeights weights;
  double gamma = 2;
  double temperature = 0.1;
};

template <typename T>
struct MultiLossResult {
  double total = 0;
  LossValues raw, scaled;
  std::vector<T> d_logits, d_embedding, d_contrast, d_centers;
};

struct ProductRate {
  Precision precision = Precision::fp32;
  std::string way;
  std::int64_t rows = 0, inner = 0, columns = 0;
  std::vector<double> seconds;
};

struct DeviceRates {
  double copy_bytes = 0;  // read and written by one copy
  std::vector<double> copy_seconds;
  std::vector<ProductRate> products;
};

struct OpRequest {
  std::string name;
  std::vector<std::int64_t> lengths;  // samples of each utterance
  Precision precision = Precision::fp32;
  std::int64_t repeats = 20;
  double seconds = 2;
};

struct OpTiming {
  std::string shape;
  double difference = 0;                                                         // NaN where the two draw numbers of their own
  std::vector<double> own_forward, plain_forward, own_backward, plain_backward;  // seconds; backward may be empty
};

// Where the time of some training steps went.
struct ProfileResult {
  std::int64_t steps = 0;
  double seconds = 0;                                  // from the start of the profile to the end of the last step
  std::vector<std::pair<std::string, double>> phases;  // name and seconds; together all of them
  std::string problem;                                 // why there is no trace; empty where there is one
};

struct MemoryUse {
  double current = 0, peak = 0;  // bytes
};

class Engine {
 public:
  virtual ~Engine() = default;

  virtual double self_test() = 0;
  virtual Handle open_store(const std::string& path, std::int64_t samples) = 0;

  // With `base` (0 = none), a model of the same shape, weights are the base's: trained ones copied, frozen ones shared.
  virtual Handle create_model(const ModelConfig& config, std::uint64_t seed, Handle base) = 0;
  // Fills a pretrained encoder from a checkpoint's files; returns what of the checkpoint was left unused, by prefix.
  virtual std::vector<std::string> load_pretrained(Handle model, const std::vector<std::string>& files) = 0;
  virtual ModelInfo model_info(Handle model) = 0;
  virtual void save_model(Handle model, const std::string& path, const Metadata& metadata) = 0;
  // The pretrained encoder alone, as transformers names its tensors after `prefix`; adapters are merged.
  virtual void export_encoder(Handle model, const std::string& path, const std::string& prefix, const Metadata& metadata) = 0;
  virtual void load_model(Handle model, const std::string& path) = 0;

  virtual Handle create_trainer(Handle model, const TrainerConfig& config) = 0;
  // On the CPU the step is done when this returns.
  virtual std::unique_ptr<PendingStep> begin_step(Handle trainer, Handle store, const StepRequest& request) = 0;
  StepResult train_step(Handle trainer, Handle store, const StepRequest& request) {
    return begin_step(trainer, store, request)->result();
  }
  virtual void save_trainer(Handle trainer, const std::string& path, const Metadata& metadata) = 0;
  virtual void load_trainer(Handle trainer, const std::string& path) = 0;
  virtual void copy_average(Handle trainer, Handle model) = 0;

  virtual ForwardResult forward_rows(Handle model, Handle store, const Rows& rows, const ForwardOptions& options) = 0;
  virtual ForwardResult forward_samples(Handle model, const std::vector<std::vector<float>>& samples,
                                        const ForwardOptions& options) = 0;
  // Frames of a model's encoder, as in inference, behind what the file holds; returns the frames of each row.
  virtual std::vector<std::int32_t> append_features(Handle model, Handle store, const Rows& rows, const std::string& path,
                                                    Precision precision) = 0;
  virtual Handle open_features(const std::string& path, std::int64_t frames, std::int64_t width) = 0;

  // An encoder alone, frozen, for inference.
  virtual Handle create_encoder(const EncoderConfig& config, const std::vector<std::string>& files) = 0;
  virtual EncodeResult encode(Handle encoder, const std::vector<std::vector<float>>& samples, const EncodeOptions& options) = 0;

  virtual void release(Handle handle) = 0;

  virtual MixSamplesResult mix_samples(const MixSamplesRequest& request) = 0;
  virtual FrameAttentionResult<float> frame_attention(const FrameAttentionRequest<float>& request) = 0;
  virtual FrameAttentionResult<double> frame_attention(const FrameAttentionRequest<double>& request) = 0;
  virtual MultiLossResult<float> multi_loss(const MultiLossRequest<float>& request) = 0;
  virtual MultiLossResult<double> multi_loss(const MultiLossRequest<double>& request) = 0;

  // For benchmarks.
  virtual DeviceRates measure_device(const std::vector<Precision>& precisions, double seconds) = 0;
  virtual std::vector<std::string> op_names() = 0;
  virtual OpTiming time_op(const OpRequest& request) = 0;
  virtual MemoryUse memory_use(bool reset) = 0;

  // Of the training steps between the two calls; `path` is the trace to write.
  virtual void start_profile() = 0;
  virtual ProfileResult stop_profile(const std::string& path) = 0;
};

// `cancelled` is read at safe points (between micro-batches, before an optimiser update) and ends the running method
// with Error("E_CANCELLED"); a step that is cancelled leaves the weights as they were.
std::unique_ptr<Engine> make_engine(const StartOptions& options, const std::atomic<bool>& cancelled);

// Process-wide, safe from any thread; sets nothing.
BuildInfo build_info();

// Call inside a catch block.
ErrorInfo describe_current_exception() noexcept;

}  // namespace ser
