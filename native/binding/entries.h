// The functions that addon.cc registers, one per member of `Addon` in bindings.d.ts: read the arguments, enqueue.
#pragma once

#include "node_api.h"

namespace ser::binding {

// Number of the contract in bindings.d.ts; raise it with every change that an older caller would trip over.
inline constexpr int kApi = 2;

Napi::Value build_info_entry(const Napi::CallbackInfo& info);
Napi::Value cuda_devices(const Napi::CallbackInfo& info);
Napi::Value start(const Napi::CallbackInfo& info);
Napi::Value stop(const Napi::CallbackInfo& info);
Napi::Value cancel(const Napi::CallbackInfo& info);
Napi::Value last_job(const Napi::CallbackInfo& info);
Napi::Value self_test(const Napi::CallbackInfo& info);

Napi::Value open_store(const Napi::CallbackInfo& info);
Napi::Value create_model(const Napi::CallbackInfo& info);
Napi::Value load_pretrained(const Napi::CallbackInfo& info);
Napi::Value append_features(const Napi::CallbackInfo& info);
Napi::Value open_features(const Napi::CallbackInfo& info);
Napi::Value create_encoder(const Napi::CallbackInfo& info);
Napi::Value encode(const Napi::CallbackInfo& info);
Napi::Value model_info(const Napi::CallbackInfo& info);
Napi::Value save_model(const Napi::CallbackInfo& info);
Napi::Value export_encoder(const Napi::CallbackInfo& info);
Napi::Value load_model(const Napi::CallbackInfo& info);
Napi::Value create_trainer(const Napi::CallbackInfo& info);
Napi::Value train_step(const Napi::CallbackInfo& info);
Napi::Value save_trainer(const Napi::CallbackInfo& info);
Napi::Value load_trainer(const Napi::CallbackInfo& info);
Napi::Value copy_average(const Napi::CallbackInfo& info);
Napi::Value forward_rows(const Napi::CallbackInfo& info);
Napi::Value forward_samples(const Napi::CallbackInfo& info);
Napi::Value release(const Napi::CallbackInfo& info);

Napi::Value mix_samples(const Napi::CallbackInfo& info);
Napi::Value frame_attention(const Napi::CallbackInfo& info);
Napi::Value multi_loss(const Napi::CallbackInfo& info);

Napi::Value measure_device(const Napi::CallbackInfo& info);
Napi::Value op_names(const Napi::CallbackInfo& info);
Napi::Value time_op(const Napi::CallbackInfo& info);
Napi::Value memory_use(const Napi::CallbackInfo& info);
Napi::Value start_profile(const Napi::CallbackInfo& info);
Napi::Value stop_profile(const Napi::CallbackInfo& info);

}  // namespace ser::binding
