#include "results.h"

#include <algorithm>

namespace ser::binding {
namespace {

// A copy: memory that JavaScript would own through a finalizer needs the env to outlive it, and engines with a pointer
// cage refuse it altogether.
template <typename T>
Napi::TypedArrayOf<T> array(Napi::Env env, const std::vector<T>& values) {
  auto result = Napi::TypedArrayOf<T>::New(env, values.size());
  std::copy(values.begin(), values.end(), result.Data());
  return result;
}

Napi::Object from_losses(Napi::Env env, const LossValues& losses) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("kl", losses.kl);
  result.Set("focal", losses.focal);
  result.Set("center", losses.center);
  result.Set("supcon", losses.supcon);
  return result;
}

}  // namespace

Napi::Value from_nothing(Napi::Env env, const Nothing&) { return env.Undefined(); }

Napi::Value from_number(Napi::Env env, const double& value) { return Napi::Number::New(env, value); }

Napi::Value from_handle(Napi::Env env, const Handle& handle) { return Napi::Number::New(env, handle); }

Napi::Value from_build_info(Napi::Env env, const BuildInfo& info, int api) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("api", api);
  result.Set("libtorch", info.libtorch);
  result.Set("capability", info.capability);
  result.Set("compiler", info.compiler);
  result.Set("cuda", info.cuda);
  return result;
}

Napi::Value from_cuda_report(Napi::Env env, const CudaReport& report) {
  Napi::Array architectures = Napi::Array::New(env, report.architectures.size());
  for (std::uint32_t i = 0; i < report.architectures.size(); ++i) architectures.Set(i, report.architectures[i]);
  Napi::Array devices = Napi::Array::New(env, report.devices.size());
  for (std::uint32_t i = 0; i < report.devices.size(); ++i) {
    const CudaDevice& device = report.devices[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("index", device.index);
    entry.Set("name", device.name);
    entry.Set("capability", std::to_string(device.major) + "." + std::to_string(device.minor));
    entry.Set("memoryBytes", static_cast<double>(device.memory));
    entry.Set("hasCode", device.has_code);
    devices.Set(i, entry);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("driver", report.driver);
  result.Set("runtime", report.runtime);
  result.Set("architectures", architectures);
  result.Set("devices", devices);
  if (report.chosen) result.Set("chosen", *report.chosen);
  if (!report.problem.empty()) result.Set("problem", report.problem);
  return result;
}

Napi::Value from_model_info(Napi::Env env, const ModelInfo& info) {
  Napi::Array tensors = Napi::Array::New(env, info.tensors.size());
  for (std::uint32_t index = 0; index < info.tensors.size(); ++index) {
    const TensorInfo& tensor = info.tensors[index];
    Napi::Array shape = Napi::Array::New(env, tensor.shape.size());
    for (std::uint32_t axis = 0; axis < tensor.shape.size(); ++axis) {
      shape.Set(axis, static_cast<double>(tensor.shape[axis]));
    }
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", tensor.name);
    entry.Set("shape", shape);
    tensors.Set(index, entry);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("parameters", static_cast<double>(info.parameters));
  result.Set("frameWidth", static_cast<double>(info.frame_width));
  result.Set("tensors", tensors);
  return result;
}

Napi::Value from_step_result(Napi::Env env, const StepResult& step) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("total", step.total);
  result.Set("raw", from_losses(env, step.raw));
  result.Set("scaled", from_losses(env, step.scaled));
  result.Set("gradNorm", step.grad_norm);
  result.Set("audioSeconds", step.audio_seconds);
  result.Set("nonFinite", step.non_finite);
  result.Set("mixSkipped", array(env, step.mix_skipped));
  result.Set("predictions", array(env, step.predictions));
  return result;
}

Napi::Value from_forward_result(Napi::Env env, const ForwardResult& forward) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("logits", array(env, forward.logits));
  if (!forward.embedding.empty()) result.Set("embedding", array(env, forward.embedding));
  result.Set("frames", array(env, forward.frames));
  if (!forward.weights.empty()) result.Set("weights", array(env, forward.weights));
  return result;
}

Napi::Value from_names(Napi::Env env, const std::vector<std::string>& names) {
  Napi::Array result = Napi::Array::New(env, names.size());
  for (std::uint32_t index = 0; index < names.size(); ++index) result.Set(index, names[index]);
  return result;
}

Napi::Value from_counts(Napi::Env env, const std::vector<std::int32_t>& counts) { return array(env, counts); }

Napi::Value from_encode_result(Napi::Env env, const EncodeResult& encoded) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("width", static_cast<double>(encoded.width));
  result.Set("frames", array(env, encoded.frames));
  result.Set("last", array(env, encoded.last));
  if (!encoded.hidden.empty()) {
    Napi::Array hidden = Napi::Array::New(env, encoded.hidden.size());
    for (std::uint32_t index = 0; index < encoded.hidden.size(); ++index) hidden.Set(index, array(env, encoded.hidden[index]));
    result.Set("hidden", hidden);
  }
  return result;
}

Napi::Value from_mix_samples_result(Napi::Env env, const MixSamplesResult& mixed) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("samples", array(env, mixed.samples));
  result.Set("lengths", array(env, mixed.lengths));
  result.Set("skipped", array(env, mixed.skipped));
  return result;
}

template <typename T>
Napi::Value from_frame_attention_result(Napi::Env env, const FrameAttentionResult<T>& attention) {
  Napi::Object gradients = Napi::Object::New(env);
  gradients.Set("frames", array(env, attention.d_frames));
  gradients.Set("inputWeight", array(env, attention.d_input_weight));
  gradients.Set("inputBias", array(env, attention.d_input_bias));
  gradients.Set("outputWeight", array(env, attention.d_output_weight));
  gradients.Set("outputBias", array(env, attention.d_output_bias));
  gradients.Set("score", array(env, attention.d_score));
  Napi::Object result = Napi::Object::New(env);
  result.Set("pooled", array(env, attention.pooled));
  result.Set("weights", array(env, attention.weights));
  result.Set("gradients", gradients);
  return result;
}
template Napi::Value from_frame_attention_result(Napi::Env, const FrameAttentionResult<float>&);
template Napi::Value from_frame_attention_result(Napi::Env, const FrameAttentionResult<double>&);

template <typename T>
Napi::Value from_multi_loss_result(Napi::Env env, const MultiLossResult<T>& loss) {
  Napi::Object gradients = Napi::Object::New(env);
  gradients.Set("logits", array(env, loss.d_logits));
  gradients.Set("embedding", array(env, loss.d_embedding));
  gradients.Set("contrast", array(env, loss.d_contrast));
  gradients.Set("centers", array(env, loss.d_centers));
  Napi::Object result = Napi::Object::New(env);
  result.Set("total", loss.total);
  result.Set("raw", from_losses(env, loss.raw));
  result.Set("scaled", from_losses(env, loss.scaled));
  result.Set("gradients", gradients);
  return result;
}
template Napi::Value from_multi_loss_result(Napi::Env, const MultiLossResult<float>&);
template Napi::Value from_multi_loss_result(Napi::Env, const MultiLossResult<double>&);

}  // namespace ser::binding
