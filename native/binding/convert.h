// JavaScript values -> the engine's structs, checked so far that the engine can index without fear: types, lengths
// that agree, finite numbers, ranges. What only the engine can know (does a model have that many classes, does a store
// reach that far) it checks itself.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "argument.h"
#include "engine/engine.h"

namespace ser::binding {

// Samples that give one frame; the least that an utterance may have.
inline constexpr std::int64_t kMinSamples = 400;

StartOptions to_start_options(const Argument& options);
ModelConfig to_model_config(const Argument& config);
TrainerConfig to_trainer_config(const Argument& config);
LossWeights to_loss_weights(const Argument& weights);
EncoderConfig to_encoder_config(const Argument& encoder);  // a pretrained one
EncodeOptions to_encode_options(const Argument& options);
std::vector<std::string> to_paths(const Argument& list);
ForwardOptions to_forward_options(const Argument& options);
Metadata to_metadata(const Argument& metadata);

Precision to_precision(const Argument& precision);

Rows to_rows(const Argument& rows);
MixRows to_mix_rows(const Argument& mix, const Rows& rows);
AugmentRows to_augment_rows(const Argument& augment, std::size_t batch);
StepRequest to_step_request(const Argument& request);
std::vector<std::vector<float>> to_samples(const Argument& samples);

MixSamplesRequest to_mix_samples_request(const Argument& request);
template <typename T>
FrameAttentionRequest<T> to_frame_attention_request(const Argument& request);
template <typename T>
MultiLossRequest<T> to_multi_loss_request(const Argument& request);

// Soft labels, one row per utterance: each value in [0, 1], each row of sum 1 (to within 1e-3, so that labels mixed in
// single precision pass).
template <typename T>
void check_labels(const Argument& argument, const std::vector<T>& labels, std::size_t batch);
template <typename T>
void check_label_row(const Argument& argument, const std::vector<T>& labels, std::size_t row, std::size_t classes);
template <typename T>
void check_finite(const Argument& argument, const std::vector<T>& values);

}  // namespace ser::binding
