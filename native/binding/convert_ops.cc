#include <cmath>

#include "convert.h"

namespace ser::binding {
namespace {

// The largest position that a row reads, against what there is.
void check_within(const Argument& offsets, std::size_t row, std::int64_t offset, std::int64_t length, std::size_t samples) {
  // Offsets and lengths are below 2^53 each: the sum cannot overflow.
  if (offset + length > static_cast<std::int64_t>(samples)) {
    offsets.fail_at(
        row,
        "such that its " + std::to_string(length) + " samples end within the " + std::to_string(samples) + " samples given",
        static_cast<double>(offset));
  }
}

}  // namespace

template <typename T>
void check_finite(const Argument& argument, const std::vector<T>& values) {
  for (std::size_t index = 0; index < values.size(); ++index) {
    if (!std::isfinite(values[index])) argument.fail_at(index, "finite", static_cast<double>(values[index]));
  }
}
template void check_finite(const Argument&, const std::vector<float>&);
template void check_finite(const Argument&, const std::vector<double>&);

template <typename T>
void check_label_row(const Argument& argument, const std::vector<T>& labels, std::size_t row, std::size_t classes) {
  double sum = 0;
  for (std::size_t index = row * classes; index < (row + 1) * classes; ++index) {
    if (!(labels[index] >= 0 && labels[index] <= 1)) {
      argument.fail_at(index, "a probability in [0, 1]", static_cast<double>(labels[index]));
    }
    sum += static_cast<double>(labels[index]);
  }
  constexpr double kTolerance = 1e-3;
  if (std::abs(sum - 1) > kTolerance) {
    argument.fail("rows of sum 1", "a row " + std::to_string(row) + " of sum " + print_number(sum));
  }
}
template void check_label_row(const Argument&, const std::vector<float>&, std::size_t, std::size_t);
template void check_label_row(const Argument&, const std::vector<double>&, std::size_t, std::size_t);

template <typename T>
void check_labels(const Argument& argument, const std::vector<T>& labels, std::size_t batch) {
  const std::size_t classes = labels.size() / batch;
  if (labels.size() % batch != 0 || classes < 2) {
    argument.fail("of B x C elements with B = " + std::to_string(batch) + " and C of at least 2",
                  std::to_string(labels.size()) + " elements");
  }
  for (std::size_t row = 0; row < batch; ++row) check_label_row(argument, labels, row, classes);
}
template void check_labels(const Argument&, const std::vector<float>&, std::size_t);
template void check_labels(const Argument&, const std::vector<double>&, std::size_t);

MixSamplesRequest to_mix_samples_request(const Argument& argument) {
  MixSamplesRequest request;
  request.samples = argument.field("samples").array<std::int16_t>(std::nullopt, "n");
  const Argument rows = argument.field("rows");
  request.rows = to_rows(rows);
  const Argument mix = argument.field("mix");
  request.mix = to_mix_rows(mix, request.rows);
  for (std::size_t row = 0; row < request.rows.offsets.size(); ++row) {
    check_within(rows.field("offsets"), row, request.rows.offsets[row], request.rows.lengths[row], request.samples.size());
    check_within(mix.field("partnerOffsets"), row, request.mix.partner_offsets[row], request.mix.partner_lengths[row],
                 request.samples.size());
  }
  return request;
}

template <typename T>
FrameAttentionRequest<T> to_frame_attention_request(const Argument& argument) {
  FrameAttentionRequest<T> request;
  constexpr std::int64_t kMaxWidth = 1 << 16;
  request.width = argument.field("width").integer(1, kMaxWidth);
  const auto width = static_cast<std::size_t>(request.width);
  const Argument heads = argument.field("heads");
  request.heads = heads.integer(1, kMaxWidth);
  if (request.width % request.heads != 0) heads.fail("a divisor of width = " + std::to_string(request.width));
  const Argument lengths = argument.field("lengths");
  request.lengths = lengths.array<std::int32_t>(std::nullopt, "B");
  if (request.lengths.empty()) lengths.fail("of at least one utterance", "an empty array");
  std::size_t frames = 0;
  for (std::size_t row = 0; row < request.lengths.size(); ++row) {
    if (request.lengths[row] < 1) lengths.fail_at(row, "at least 1", request.lengths[row]);
    frames += static_cast<std::size_t>(request.lengths[row]);
  }
  request.frames = argument.field("frames").array<T>(frames * width, "sum(lengths) x D");
  request.input_weight = argument.field("inputWeight").array<T>(3 * width * width, "3D x D");
  request.input_bias = argument.field("inputBias").array<T>(3 * width, "3D");
  request.output_weight = argument.field("outputWeight").array<T>(width * width, "D x D");
  request.output_bias = argument.field("outputBias").array<T>(width, "D");
  request.score = argument.field("score").array<T>(width, "D");
  if (const Argument upstream = argument.field("upstream"); !upstream.absent()) {
    request.upstream = upstream.array<T>(request.lengths.size() * width, "B x D");
  }
  return request;
}
template FrameAttentionRequest<float> to_frame_attention_request(const Argument&);
template FrameAttentionRequest<double> to_frame_attention_request(const Argument&);

template <typename T>
MultiLossRequest<T> to_multi_loss_request(const Argument& argument) {
  MultiLossRequest<T> request;
  const Argument base_classes = argument.field("baseClasses");
  request.base_classes = base_classes.array<std::int32_t>(std::nullopt, "B");
  const std::size_t batch = request.base_classes.size();
  if (batch == 0) base_classes.fail("of at least one utterance", "an empty array");
  request.batch = static_cast<std::int64_t>(batch);

  const Argument labels = argument.field("labels");
  request.labels = labels.array<T>(std::nullopt, "B x C");
  check_labels(labels, request.labels, batch);
  const std::size_t classes = request.labels.size() / batch;
  request.classes = static_cast<std::int64_t>(classes);
  for (std::size_t row = 0; row < batch; ++row) {
    const std::int32_t base = request.base_classes[row];
    if (base < 0 || base >= request.classes) {
      base_classes.fail_at(row, "a class in 0.." + std::to_string(classes - 1), base);
    }
  }

  const Argument embedding = argument.field("embedding");
  request.embedding = embedding.array<T>(std::nullopt, "B x E");
  const std::size_t width = request.embedding.size() / batch;
  if (request.embedding.size() % batch != 0 || width == 0) {
    embedding.fail("of B x E elements with B = " + std::to_string(batch),
                   std::to_string(request.embedding.size()) + " elements");
  }
  request.embedding_width = static_cast<std::int64_t>(width);
  request.logits = argument.field("logits").array<T>(batch * classes, "B x C");
  request.contrast = argument.field("contrast").array<T>(batch * width, "B x E");
  request.centers = argument.field("centers").array<T>(classes * width, "C x E");
  if (const Argument weights = argument.field("classWeights"); !weights.absent())
    request.class_weights = weights.array<T>(classes, "C");
  request.weights = to_loss_weights(argument.field("weights"));
  request.gamma = argument.field("gamma").non_negative();
  request.temperature = argument.field("temperature").positive();
  return request;
}
template MultiLossRequest<float> to_multi_loss_request(const Argument&);
template MultiLossRequest<double> to_multi_loss_request(const Argument&);

}  // namespace ser::binding
