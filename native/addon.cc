// Registers the members of `Addon` (bindings.d.ts), and nothing else.

#include <utility>

#include "binding/entries.h"
#include "binding/failure.h"
#include "binding/instance.h"
#include "binding/node_api.h"

namespace {

namespace binding = ser::binding;

constexpr std::pair<const char*, binding::Entry> kEntries[] = {
    {"buildInfo", binding::build_info_entry},
    {"cudaDevices", binding::cuda_devices},
    {"start", binding::start},
    {"stop", binding::stop},
    {"cancel", binding::cancel},
    {"lastJob", binding::last_job},
    {"selfTest", binding::self_test},
    {"openStore", binding::open_store},
    {"createModel", binding::create_model},
    {"loadPretrained", binding::load_pretrained},
    {"modelInfo", binding::model_info},
    {"saveModel", binding::save_model},
    {"exportEncoder", binding::export_encoder},
    {"loadModel", binding::load_model},
    {"createTrainer", binding::create_trainer},
    {"trainStep", binding::train_step},
    {"saveTrainer", binding::save_trainer},
    {"loadTrainer", binding::load_trainer},
    {"copyAverage", binding::copy_average},
    {"forwardRows", binding::forward_rows},
    {"forwardSamples", binding::forward_samples},
    {"appendFeatures", binding::append_features},
    {"openFeatures", binding::open_features},
    {"createEncoder", binding::create_encoder},
    {"encode", binding::encode},
    {"release", binding::release},
    {"mixSamples", binding::mix_samples},
    {"frameAttention", binding::frame_attention},
    {"multiLoss", binding::multi_loss},
    {"measureDevice", binding::measure_device},
    {"opNames", binding::op_names},
    {"timeOp", binding::time_op},
    {"memoryUse", binding::memory_use},
    {"startProfile", binding::start_profile},
    {"stopProfile", binding::stop_profile},
};

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new binding::Instance(env));
  for (const auto& [name, entry] : kEntries) {
    exports.Set(name, Napi::Function::New(
                          env, [entry](const Napi::CallbackInfo& info) { return binding::guarded(entry, info); }, name));
  }
  return exports;
}

}  // namespace

NODE_API_MODULE(ser_native, initialize)
