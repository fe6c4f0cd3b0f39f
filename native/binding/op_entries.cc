// The ops alone, so that others can check them: values and gradients in the precision of the arrays.
#include "convert.h"
#include "entries.h"
#include "instance.h"
#include "results.h"

namespace ser::binding {
namespace {

template <typename T>
Napi::Value enqueue_frame_attention(const Napi::CallbackInfo& info, const Argument& argument) {
  return enqueue<FrameAttentionResult<T>>(
      info, [request = to_frame_attention_request<T>(argument)](Engine& engine) { return engine.frame_attention(request); },
      from_frame_attention_result<T>);
}

template <typename T>
Napi::Value enqueue_multi_loss(const Napi::CallbackInfo& info, const Argument& argument) {
  return enqueue<MultiLossResult<T>>(
      info, [request = to_multi_loss_request<T>(argument)](Engine& engine) { return engine.multi_loss(request); },
      from_multi_loss_result<T>);
}

}  // namespace

Napi::Value mix_samples(const Napi::CallbackInfo& info) {
  return enqueue<MixSamplesResult>(
      info,
      [request = to_mix_samples_request(Argument::of(info, 0, "request"))](Engine& engine) {
        return engine.mix_samples(request);
      },
      from_mix_samples_result);
}

// The first array decides the precision; the others must agree, which their conversion checks.
Napi::Value frame_attention(const Napi::CallbackInfo& info) {
  const Argument request = Argument::of(info, 0, "request");
  return request.field("frames").is_double() ? enqueue_frame_attention<double>(info, request)
                                             : enqueue_frame_attention<float>(info, request);
}

Napi::Value multi_loss(const Napi::CallbackInfo& info) {
  const Argument request = Argument::of(info, 0, "request");
  return request.field("logits").is_double() ? enqueue_multi_loss<double>(info, request)
                                             : enqueue_multi_loss<float>(info, request);
}

}  // namespace ser::binding
