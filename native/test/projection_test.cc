// The linear layer of pretrained encoders: its packed weights against LibTorch's own product, and that no change of a weight is
// missed.
#include "encoder/pretrained/projection.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <filesystem>

#include "engine/model.h"
#include "test/check.h"

namespace {

at::Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::TensorOptions(at::kFloat));
}

double relative_gap(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return INFINITY;
  return ((a.to(at::kDouble) - b.to(at::kDouble)).abs().max() / b.to(at::kDouble).abs().max()).item<double>();
}

at::Tensor apply(const ser::Projection& projection, const at::Tensor& x) { return projection.forward(x, {}, false, {}); }

// Rows of one and many, widths that are no multiple of a vector.
void products() {
  for (const auto& [in, out] : {std::pair<std::int64_t, std::int64_t>(64, 192), {33, 21}, {7, 3}}) {
    const at::Tensor weight = normal({out, in}, 1), bias = normal({out}, 2);
    const ser::Projection projection(weight, bias);
    for (const std::int64_t rows : {1, 5, 130}) {
      const at::Tensor x = normal({rows, in}, 3);
      const at::Tensor want = at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
      const std::string what = std::to_string(rows) + " x " + std::to_string(in) + " to " + std::to_string(out);
      const at::NoGradGuard no_grad;
      const at::Tensor y = apply(projection, x);
      SER_CHECK_WITHIN(relative_gap(y, want), 2e-6, what + ", float32");
      SER_CHECK(at::equal(y, apply(projection, x)), what + ", the same again");
      {
        const ser::PrecisionScope scope(ser::Precision::bf16, at::kCPU);
        const at::Tensor half = apply(projection, x);
        SER_CHECK(half.scalar_type() == at::kBFloat16, what + ", bf16 gives bf16 as linear does");
        SER_CHECK_WITHIN(relative_gap(half, want), 1.5e-2, what + ", bf16");
      }
      SER_CHECK(at::equal(y, apply(projection, x)), what + ", float32 after bf16");
      const at::InferenceMode inference;
      SER_CHECK(at::equal(y, apply(projection, x)), what + ", in inference mode");
    }
  }
  // A merged q, k, v whose k has no bias.
  const at::Tensor weight = normal({24, 8}, 1), bias = normal({16}, 2), x = normal({5, 8}, 3);
  const at::Tensor whole = at::cat({bias.narrow(0, 0, 8), at::zeros({8}), bias.narrow(0, 8, 8)});
  const at::NoGradGuard no_grad;
  SER_CHECK_WITHIN(relative_gap(apply({weight, bias}, x), at::linear(x, weight, whole)), 2e-6, "no bias of k");
}

void changes() {
  const at::Tensor x = normal({9, 16}, 3), bias = normal({8}, 2);
  at::Tensor weight = normal({8, 16}, 1);
  const ser::Projection projection(weight, bias);
  const at::NoGradGuard no_grad;
  const auto up_to_date = [&] { return relative_gap(apply(projection, x), at::linear(x, weight, bias)) < 2e-6; };
  SER_CHECK(up_to_date(), "before any change");
  weight.mul_(2);
  SER_CHECK(up_to_date(), "a weight that was changed in place");
  weight.narrow(0, 2, 3).detach().copy_(normal({3, 16}, 5));
  SER_CHECK(up_to_date(), "a part of it that was overwritten, as loading does");
  at::Tensor(bias).mul_(3);
  SER_CHECK(up_to_date(), "a bias that was changed");
  weight.set_data(normal({8, 16}, 6));
  SER_CHECK(up_to_date(), "a weight in another place");
  at::Tensor shared = normal({8, 16}, 7);
  weight.set_data(shared);
  SER_CHECK(up_to_date(), "a weight that is shared");
  shared.mul_(2);
  ser::drop_packed_weights();
  SER_CHECK(up_to_date(), "a shared weight that its owner has loaded anew");
}

void gradients() {
  const at::Tensor weight = normal({8, 16}, 1), bias = normal({8}, 2), up = normal({9, 8}, 4);
  const at::Tensor x = normal({9, 16}, 3).requires_grad_();
  const ser::Projection frozen(weight, bias);
  {
    const at::NoGradGuard no_grad;
    apply(frozen, x);
  }
  const at::Tensor dx = torch::autograd::grad({apply(frozen, x)}, {x}, {up})[0];
  SER_CHECK_WITHIN(relative_gap(dx, at::mm(up, weight)), 2e-6, "gradients flow through a frozen weight that is packed");

  // An optimiser changes trained weights through the flat tensor that they are views of, which their versions do not show.
  at::Tensor flat = weight.clone().view({-1}), trained = weight.clone().requires_grad_();
  trained.set_data(flat.view({8, 16}));
  const ser::Projection learner(trained, bias);
  const at::NoGradGuard no_grad;
  const at::Tensor fixed = x.detach();
  for (int step = 0; step < 2; ++step) {
    SER_CHECK_WITHIN(relative_gap(apply(learner, fixed), at::linear(fixed, trained, bias)), 2e-6,
                     "a trained weight is current");
    flat.mul_(1.5);
  }
}

// An encoder that is loaded again must not compute with what it was before, nor one that shares its weights.
void loading() {
  namespace fs = std::filesystem;
  const fs::path root = fs::path(__FILE__).parent_path().parent_path().parent_path();
  const std::string file = (root / "test/fixtures/encoders/whisper-tiny/model.safetensors").string();
  ser::ModelConfig config;
  config.kind = ser::EncoderKind::whisper;
  config.whisper = {.bands = 20, .width = 32, .layers = 2, .heads = 2, .feed_forward = 56, .positions = 50};
  config.classes = 3;
  config.pooling = ser::Pooling::mean;
  const at::NoGradGuard no_grad;
  ser::Model base(config, 1, at::kCPU), sharer(config, 2, at::kCPU);
  base.load_pretrained({file});
  sharer.take_weights(base);
  const ser::Waves waves{normal({8000}, 1) * 0.1, {8000}, {1}};
  const auto encode = [&](const ser::Model& model) { return model.encode(waves, {}).values.clone(); };
  const at::Tensor before = encode(base);
  SER_CHECK(at::equal(encode(sharer), before), "shared weights give the same frames");

  const std::string changed = (fs::temp_directory_path() / "ser-projection-changed.safetensors").string();
  ser::NamedTensors tensors = base.encoder_tensors("model.");
  for (auto& [name, tensor] : tensors) {
    if (name.ends_with("proj.weight")) tensor = tensor * -1.5;
  }
  ser::write_safetensors(changed, tensors, {});
  base.load_pretrained({changed});
  const at::Tensor after = encode(base);
  ser::Model fresh(config, 3, at::kCPU);
  fresh.load_pretrained({changed});
  SER_CHECK(!at::equal(after, before) && at::equal(after, encode(fresh)), "loading again replaces what was packed");
  SER_CHECK(at::equal(after, encode(sharer)), "also in a model that shares the weights");
  fs::remove(changed);
}

}  // namespace

int main() {
  products();
  changes();
  gradients();
  loading();
  return ser::test::finish("projection");
}
