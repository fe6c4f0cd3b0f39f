// The engine's structs -> JavaScript values. On the JavaScript thread; a failure leaves as Napi::Error.
#pragma once

#include "engine/cuda_devices.h"
#include "engine/engine.h"
#include "node_api.h"

namespace ser::binding {

// Result of a call that resolves to nothing.
struct Nothing {};

Napi::Value from_nothing(Napi::Env env, const Nothing& nothing);
Napi::Value from_number(Napi::Env env, const double& value);
Napi::Value from_handle(Napi::Env env, const Handle& handle);
Napi::Value from_cuda_report(Napi::Env env, const CudaReport& report);
Napi::Value from_build_info(Napi::Env env, const BuildInfo& info, int api);
Napi::Value from_model_info(Napi::Env env, const ModelInfo& info);
Napi::Value from_step_result(Napi::Env env, const StepResult& result);
Napi::Value from_forward_result(Napi::Env env, const ForwardResult& result);
Napi::Value from_names(Napi::Env env, const std::vector<std::string>& names);
Napi::Value from_counts(Napi::Env env, const std::vector<std::int32_t>& counts);
Napi::Value from_encode_result(Napi::Env env, const EncodeResult& result);
Napi::Value from_mix_samples_result(Napi::Env env, const MixSamplesResult& result);
template <typename T>
Napi::Value from_frame_attention_result(Napi::Env env, const FrameAttentionResult<T>& result);
template <typename T>
Napi::Value from_multi_loss_result(Napi::Env env, const MultiLossResult<T>& result);

}  // namespace ser::binding
