// What benchmarks and profiles ask of the engine: rates of the device, times of operations and of phases, memory.
#include "convert.h"
#include "entries.h"
#include "instance.h"
#include "results.h"

namespace ser::binding {
namespace {

constexpr double kMostSeconds = 3600;

double to_seconds(const Argument& argument) {
  const double seconds = argument.positive();
  if (seconds > kMostSeconds) argument.fail("at most 3600");
  return seconds;
}

Napi::Value numbers(Napi::Env env, const std::vector<double>& values) {
  Napi::Float64Array out = Napi::Float64Array::New(env, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = values[i];
  return out;
}

Napi::Value from_device_rates(Napi::Env env, const DeviceRates& rates) {
  Napi::Array products = Napi::Array::New(env, rates.products.size());
  for (std::uint32_t i = 0; i < rates.products.size(); ++i) {
    const ProductRate& rate = rates.products[i];
    Napi::Object product = Napi::Object::New(env);
    product.Set("precision", rate.precision == Precision::bf16 ? "bf16" : "fp32");
    product.Set("way", rate.way);
    product.Set("rows", static_cast<double>(rate.rows));
    product.Set("inner", static_cast<double>(rate.inner));
    product.Set("columns", static_cast<double>(rate.columns));
    product.Set("seconds", numbers(env, rate.seconds));
    products.Set(i, product);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("copyBytes", rates.copy_bytes);
  result.Set("copySeconds", numbers(env, rates.copy_seconds));
  result.Set("products", products);
  return result;
}

Napi::Value from_op_timing(Napi::Env env, const OpTiming& timing) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("shape", timing.shape);
  result.Set("difference", timing.difference);
  result.Set("ownForward", numbers(env, timing.own_forward));
  result.Set("plainForward", numbers(env, timing.plain_forward));
  result.Set("ownBackward", numbers(env, timing.own_backward));
  result.Set("plainBackward", numbers(env, timing.plain_backward));
  return result;
}

Napi::Value from_memory_use(Napi::Env env, const MemoryUse& use) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("current", use.current);
  result.Set("peak", use.peak);
  return result;
}

Napi::Value from_profile(Napi::Env env, const ProfileResult& profile) {
  Napi::Object phases = Napi::Object::New(env);
  for (const auto& [name, seconds] : profile.phases) phases.Set(name, seconds);
  Napi::Object result = Napi::Object::New(env);
  result.Set("steps", static_cast<double>(profile.steps));
  result.Set("seconds", profile.seconds);
  result.Set("phases", phases);
  if (!profile.problem.empty()) result.Set("problem", profile.problem);
  return result;
}

OpRequest to_op_request(const Argument& argument) {
  OpRequest request;
  request.name = argument.field("name").text();
  const Argument lengths = argument.field("lengths");
  for (const std::int32_t length : lengths.array<std::int32_t>(std::nullopt, "B")) request.lengths.push_back(length);
  if (request.lengths.size() < 3) lengths.fail("of at least three utterances", std::to_string(request.lengths.size()));
  for (std::size_t b = 0; b < request.lengths.size(); ++b) {
    if (request.lengths[b] < kMinSamples) lengths.fail_at(b, "at least 400", static_cast<double>(request.lengths[b]));
  }
  request.precision = to_precision(argument.field("precision"));
  request.repeats = argument.field("repeats").integer(1, 100000);
  request.seconds = to_seconds(argument.field("seconds"));
  return request;
}

}  // namespace

Napi::Value measure_device(const Napi::CallbackInfo& info) {
  const Argument list = Argument::of(info, 0, "precisions");
  std::vector<Precision> precisions;
  const std::uint32_t count = list.array_length("an array of 'fp32' and 'bf16'");
  for (std::uint32_t i = 0; i < count; ++i) precisions.push_back(to_precision(list.element(i)));
  const double seconds = to_seconds(Argument::of(info, 1, "seconds"));
  return enqueue<DeviceRates>(
      info,
      [precisions = std::move(precisions), seconds](Engine& engine) { return engine.measure_device(precisions, seconds); },
      from_device_rates);
}

Napi::Value op_names(const Napi::CallbackInfo& info) {
  return enqueue<std::vector<std::string>>(info, [](Engine& engine) { return engine.op_names(); }, from_names);
}

Napi::Value time_op(const Napi::CallbackInfo& info) {
  return enqueue<OpTiming>(
      info, [request = to_op_request(Argument::of(info, 0, "request"))](Engine& engine) { return engine.time_op(request); },
      from_op_timing);
}

Napi::Value start_profile(const Napi::CallbackInfo& info) {
  return enqueue<Nothing>(
      info,
      [](Engine& engine) {
        engine.start_profile();
        return Nothing();
      },
      from_nothing);
}

Napi::Value stop_profile(const Napi::CallbackInfo& info) {
  return enqueue<ProfileResult>(
      info, [path = Argument::of(info, 0, "path").path()](Engine& engine) { return engine.stop_profile(path); }, from_profile);
}

Napi::Value memory_use(const Napi::CallbackInfo& info) {
  const bool reset = Argument::of(info, 0, "reset").flag();
  return enqueue<MemoryUse>(info, [reset](Engine& engine) { return engine.memory_use(reset); }, from_memory_use);
}

}  // namespace ser::binding
