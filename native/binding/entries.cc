#include "entries.h"

#include "convert.h"
#include "instance.h"
#include "results.h"

namespace ser::binding {

Napi::Value build_info_entry(const Napi::CallbackInfo& info) { return from_build_info(info.Env(), build_info(), kApi); }

Napi::Value cuda_devices(const Napi::CallbackInfo& info) { return from_cuda_report(info.Env(), cuda_report()); }

Napi::Value start(const Napi::CallbackInfo& info) {
  Instance::of(info).thread.start(to_start_options(Argument::of(info, 0, "options")));
  return info.Env().Undefined();
}

Napi::Value stop(const Napi::CallbackInfo& info) {
  Instance::of(info).thread.stop();
  return info.Env().Undefined();
}

Napi::Value cancel(const Napi::CallbackInfo& info) {
  const Argument job = Argument::of(info, 0, "job");
  std::optional<std::uint64_t> id;
  if (!job.absent()) id = static_cast<std::uint64_t>(job.integer(1));
  Instance::of(info).thread.cancel(id);
  return info.Env().Undefined();
}

Napi::Value last_job(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Instance::of(info).thread.last_job()));
}

Napi::Value self_test(const Napi::CallbackInfo& info) {
  return enqueue<double>(info, [](Engine& engine) { return engine.self_test(); }, from_number);
}

Napi::Value open_store(const Napi::CallbackInfo& info) {
  std::string path = Argument::of(info, 0, "path").path();
  const std::int64_t samples = Argument::of(info, 1, "samples").integer(1);
  return enqueue<Handle>(
      info, [path = std::move(path), samples](Engine& engine) { return engine.open_store(path, samples); }, from_handle);
}

Napi::Value create_model(const Napi::CallbackInfo& info) {
  const ModelConfig config = to_model_config(Argument::of(info, 0, "config"));
  const auto seed = static_cast<std::uint64_t>(Argument::of(info, 1, "seed").integer(0));
  const Argument base = Argument::of(info, 2, "base");
  const Handle from = base.absent() ? 0 : base.handle();
  return enqueue<Handle>(
      info, [config, seed, from](Engine& engine) { return engine.create_model(config, seed, from); }, from_handle);
}

Napi::Value load_pretrained(const Napi::CallbackInfo& info) {
  const Handle model = Argument::of(info, 0, "model").handle();
  std::vector<std::string> files = to_paths(Argument::of(info, 1, "files"));
  return enqueue<std::vector<std::string>>(
      info, [model, files = std::move(files)](Engine& engine) { return engine.load_pretrained(model, files); }, from_names);
}

Napi::Value append_features(const Napi::CallbackInfo& info) {
  const Handle model = Argument::of(info, 0, "model").handle();
  const Handle store = Argument::of(info, 1, "store").handle();
  const Argument rows_argument = Argument::of(info, 2, "rows");
  Rows rows = to_rows(rows_argument);
  if (rows.frames) rows_argument.field("unit").fail("'samples'");
  std::string path = Argument::of(info, 3, "path").path();
  const EncodeOptions options = to_encode_options(Argument::of(info, 4, "options"));
  return enqueue<std::vector<std::int32_t>>(
      info,
      [model, store, rows = std::move(rows), path = std::move(path), options](Engine& engine) {
        return engine.append_features(model, store, rows, path, options.precision);
      },
      from_counts);
}

Napi::Value open_features(const Napi::CallbackInfo& info) {
  std::string path = Argument::of(info, 0, "path").path();
  const std::int64_t frames = Argument::of(info, 1, "frames").integer(1);
  const std::int64_t width = Argument::of(info, 2, "width").integer(1, 1 << 16);
  return enqueue<Handle>(
      info, [path = std::move(path), frames, width](Engine& engine) { return engine.open_features(path, frames, width); },
      from_handle);
}

Napi::Value create_encoder(const Napi::CallbackInfo& info) {
  const EncoderConfig config = to_encoder_config(Argument::of(info, 0, "config"));
  std::vector<std::string> files = to_paths(Argument::of(info, 1, "files"));
  return enqueue<Handle>(
      info, [config, files = std::move(files)](Engine& engine) { return engine.create_encoder(config, files); }, from_handle);
}

Napi::Value encode(const Napi::CallbackInfo& info) {
  const Handle encoder = Argument::of(info, 0, "encoder").handle();
  std::vector<std::vector<float>> samples = to_samples(Argument::of(info, 1, "samples"));
  const EncodeOptions options = to_encode_options(Argument::of(info, 2, "options"));
  return enqueue<EncodeResult>(
      info,
      [encoder, samples = std::move(samples), options](Engine& engine) { return engine.encode(encoder, samples, options); },
      from_encode_result);
}

Napi::Value model_info(const Napi::CallbackInfo& info) {
  const Handle model = Argument::of(info, 0, "model").handle();
  return enqueue<ModelInfo>(info, [model](Engine& engine) { return engine.model_info(model); }, from_model_info);
}

Napi::Value save_model(const Napi::CallbackInfo& info) {
  const Handle model = Argument::of(info, 0, "model").handle();
  std::string path = Argument::of(info, 1, "path").path();
  Metadata metadata = to_metadata(Argument::of(info, 2, "metadata"));
  return enqueue<Nothing>(
      info,
      [model, path = std::move(path), metadata = std::move(metadata)](Engine& engine) {
        engine.save_model(model, path, metadata);
        return Nothing();
      },
      from_nothing);
}

Napi::Value export_encoder(const Napi::CallbackInfo& info) {
  const Handle model = Argument::of(info, 0, "model").handle();
  std::string path = Argument::of(info, 1, "path").path();
  std::string prefix = Argument::of(info, 2, "prefix").text();
  Metadata metadata = to_metadata(Argument::of(info, 3, "metadata"));
  return enqueue<Nothing>(
      info,
      [model, path = std::move(path), prefix = std::move(prefix), metadata = std::move(metadata)](Engine& engine) {
        engine.export_encoder(model, path, prefix, metadata);
        return Nothing();
      },
      from_nothing);
}

Napi::Value load_model(const Napi::CallbackInfo& info) {
  const Handle model = Argument::of(info, 0, "model").handle();
  std::string path = Argument::of(info, 1, "path").path();
  return enqueue<Nothing>(
      info,
      [model, path = std::move(path)](Engine& engine) {
        engine.load_model(model, path);
        return Nothing();
      },
      from_nothing);
}

Napi::Value create_trainer(const Napi::CallbackInfo& info) {
  const Handle model = Argument::of(info, 0, "model").handle();
  const TrainerConfig config = to_trainer_config(Argument::of(info, 1, "config"));
  return enqueue<Handle>(info, [model, config](Engine& engine) { return engine.create_trainer(model, config); }, from_handle);
}

Napi::Value train_step(const Napi::CallbackInfo& info) {
  const Handle trainer = Argument::of(info, 0, "trainer").handle();
  const Handle store = Argument::of(info, 1, "store").handle();
  StepRequest request = to_step_request(Argument::of(info, 2, "request"));
  auto job = std::make_unique<StepJob>(
      [trainer, store, request = std::move(request)](Engine& engine) { return engine.begin_step(trainer, store, request); },
      from_step_result);
  return Instance::of(info).thread.enqueue(std::move(job));
}

Napi::Value save_trainer(const Napi::CallbackInfo& info) {
  const Handle trainer = Argument::of(info, 0, "trainer").handle();
  std::string path = Argument::of(info, 1, "path").path();
  Metadata metadata = to_metadata(Argument::of(info, 2, "metadata"));
  return enqueue<Nothing>(
      info,
      [trainer, path = std::move(path), metadata = std::move(metadata)](Engine& engine) {
        engine.save_trainer(trainer, path, metadata);
        return Nothing();
      },
      from_nothing);
}

Napi::Value load_trainer(const Napi::CallbackInfo& info) {
  const Handle trainer = Argument::of(info, 0, "trainer").handle();
  std::string path = Argument::of(info, 1, "path").path();
  return enqueue<Nothing>(
      info,
      [trainer, path = std::move(path)](Engine& engine) {
        engine.load_trainer(trainer, path);
        return Nothing();
      },
      from_nothing);
}

Napi::Value copy_average(const Napi::CallbackInfo& info) {
  const Handle trainer = Argument::of(info, 0, "trainer").handle();
  const Handle model = Argument::of(info, 1, "model").handle();
  return enqueue<Nothing>(
      info,
      [trainer, model](Engine& engine) {
        engine.copy_average(trainer, model);
        return Nothing();
      },
      from_nothing);
}

Napi::Value forward_rows(const Napi::CallbackInfo& info) {
  const Handle model = Argument::of(info, 0, "model").handle();
  const Handle store = Argument::of(info, 1, "store").handle();
  Rows rows = to_rows(Argument::of(info, 2, "rows"));
  const ForwardOptions options = to_forward_options(Argument::of(info, 3, "options"));
  return enqueue<ForwardResult>(
      info,
      [model, store, rows = std::move(rows), options](Engine& engine) {
        return engine.forward_rows(model, store, rows, options);
      },
      from_forward_result);
}

Napi::Value forward_samples(const Napi::CallbackInfo& info) {
  const Handle model = Argument::of(info, 0, "model").handle();
  std::vector<std::vector<float>> samples = to_samples(Argument::of(info, 1, "samples"));
  const ForwardOptions options = to_forward_options(Argument::of(info, 2, "options"));
  return enqueue<ForwardResult>(
      info,
      [model, samples = std::move(samples), options](Engine& engine) {
        return engine.forward_samples(model, samples, options);
      },
      from_forward_result);
}

Napi::Value release(const Napi::CallbackInfo& info) {
  const Handle handle = Argument::of(info, 0, "handle").handle();
  return enqueue<Nothing>(
      info,
      [handle](Engine& engine) {
        engine.release(handle);
        return Nothing();
      },
      from_nothing);
}

}  // namespace ser::binding
