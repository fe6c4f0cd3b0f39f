// The fused operations of transformer layers and convolutions on a GPU against their plain composition on the CPU, and the fused
// AdamW against LibTorch's.
#include "encoder/fused.h"
#include "test/gpu/compare.h"
#include "train/optimizer.h"

namespace {

using ser::test::Tensors;

constexpr double kFloat32 = 2e-5, kHalf = 2e-2;

at::Tensor leaf(at::IntArrayRef shape, double scale = 1) { return (at::randn(shape) * scale).set_requires_grad(true); }

ser::RowDropout noise_of(const std::vector<std::int64_t>& lengths, double p, bool shared) {
  std::vector<std::uint32_t> keys;
  for (std::size_t b = 0; b < lengths.size(); ++b) keys.push_back(static_cast<std::uint32_t>(b * 97 + 5));
  return {p, {77, 3, 12, shared}, ser::make_segments(lengths, keys)};
}

at::Tensor plain_sum(const Tensors& in, const ser::RowDropout& noise) {
  return ser::dropout_add(in[0] + in[1], in[2], 1, noise.p, noise.key, noise.segments);
}

at::Tensor plain_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::layer_norm(x, {x.size(1)}, weight, bias, 1e-5);
}

void rows(at::Device device) {
  for (const std::vector<std::int64_t>& lengths : {std::vector<std::int64_t>{1}, {1, 33, 7}, {64, 1, 129, 17, 250}}) {
    std::int64_t total = 0;
    for (const std::int64_t length : lengths) total += length;
    for (const std::int64_t width : {7, 144, 768, 1024, 1280}) {
      for (const double p : {0.0, 0.1}) {
        for (const bool shared : {false, true}) {
          const std::string size =
              std::to_string(total) + " x " + std::to_string(width) + (p > 0 ? ", dropout" : "") + (shared ? ", shared" : "");
          const auto noise = [&] { return noise_of(lengths, p, shared); };
          const Tensors in{leaf({total, width}), leaf({width}), leaf({total, width}), leaf({width}), leaf({width})};
          ser::test::compare(
              "bias and GELU, " + size, device, {in[0], in[1]},
              [&](const Tensors& t) {
                const ser::RowDropout own = noise();
                if (t[0].is_cuda()) return Tensors{ser::bias_gelu(t[0], t[1], own)};
                return Tensors{ser::dropout(at::gelu(t[0] + t[1]), own.p, own.key, own.segments)};
              },
              kFloat32);
          ser::test::compare(
              "a pre-norm layer's sum and norm, " + size, device, in,
              [&](const Tensors& t) {
                const ser::RowDropout own = noise();
                if (t[0].is_cuda()) {
                  const auto [sum, norm] = ser::dropout_add_norm(t[0], t[1], t[2], own, {t[3], t[4]});
                  return Tensors{sum, norm};
                }
                const at::Tensor sum = plain_sum(t, own);
                return Tensors{sum, plain_norm(sum, t[3], t[4])};
              },
              kFloat32);
          ser::test::compare(
              "a post-norm layer's norm in bf16, " + size, device, in,
              [&](const Tensors& t) {
                const ser::RowDropout own = noise();
                const at::Tensor x = t[0].to(at::kBFloat16);
                if (t[0].is_cuda()) return Tensors{ser::dropout_add_post_norm(x, t[1], t[2], own, {t[3], t[4]})};
                return Tensors{plain_norm(plain_sum({x.to(at::kFloat), t[1], t[2]}, own), t[3], t[4])};
              },
              kHalf);
        }
      }
      ser::test::compare(
          "LayerNorm and GELU, " + std::to_string(width), device,
          {leaf({total, width}), leaf({width}), leaf({width}), leaf({width})},
          [&](const Tensors& t) {
            if (t[0].is_cuda()) return Tensors{ser::norm_gelu(t[0], t[1], {t[2], t[3]})};
            return Tensors{at::gelu(plain_norm(t[0] + t[1], t[2], t[3]))};
          },
          kFloat32);
    }
  }
}

void ranges(at::Device device) {
  const std::vector<ser::RowRange> ranges{{0, 700}, {710, 3}, {720, 1}, {730, 300}};
  ser::test::compare(
      "norm by utterance and GELU", device, {leaf({1040, 48}), leaf({48}), leaf({48})},
      [&](const Tensors& t) {
        if (t[0].is_cuda()) return Tensors{ser::range_norm_gelu(t[0], ranges, {t[1], t[2]}, at::kFloat)};
        Tensors parts;
        std::int64_t at = 0;
        for (const ser::RowRange& range : ranges) {
          parts.push_back(at::zeros({range.first - at, 48}));
          const at::Tensor own = t[0].narrow(0, range.first, range.length);
          const at::Tensor centred = own - own.mean(0);
          parts.push_back(at::gelu(centred * at::rsqrt(centred.square().mean(0) + 1e-5) * t[1] + t[2]));
          at = range.first + range.length;
        }
        parts.push_back(at::zeros({1040 - at, 48}));
        return Tensors{at::cat(parts)};
      },
      5e-5);
}

// Steps of the whole optimiser, one of them bad; what it leaves.
Tensors optimise(at::Device device) {
  ser::ParameterSet parameters;
  const at::Tensor a = parameters.add("a", (at::arange(5000, at::kFloat) * 0.01).sin(), true);
  const at::Tensor b = parameters.add("b", (at::arange(33, at::kFloat) * 0.3).cos(), false, {true, 0.25});
  parameters.flatten(device);
  ser::TrainerConfig config;
  config.average_decay = 0.9;
  config.weight_decay = 0.05;
  config.clip = 1;
  const at::Tensor centers = at::zeros({4, 8}, parameters.flat().options()).set_requires_grad(true);
  ser::Optimizer optimizer(parameters, centers, config);
  for (int step = 0; step < 4; ++step) {
    optimizer.zero_gradients();
    const at::Tensor loss = (a * a).sum() * (0.1 + step) + (b * b * b).sum() + (centers - 1).square().sum();
    loss.backward();
    const at::Tensor norm = optimizer.gradient_norm();
    optimizer.step(norm, at::full({}, step == 2 ? 1.0 : 0.0, parameters.flat().options()), 1e-2, 0.5);
  }
  return {parameters.flat(), optimizer.average(), centers.detach(), optimizer.state().back().second};
}

void adamw(at::Device device) {
  const Tensors cpu = optimise(at::kCPU), own = optimise(device);
  const char* names[] = {"weights", "moving average", "centers", "good steps"};
  for (std::size_t i = 0; i < cpu.size(); ++i) {
    SER_CHECK_WITHIN(ser::test::distance(own[i].to(at::kCPU, at::kDouble), cpu[i].to(at::kDouble)), 1e-5,
                     std::string("AdamW after four steps: ") + names[i]);
  }
}

}  // namespace

int main() {
  const auto device = ser::test::gpu("device_fused_test");
  if (!device) return ser::test::kSkipped;
  at::manual_seed(1);
  rows(*device);
  ranges(*device);
  adamw(*device);
  return ser::test::finish("device_fused_test");
}
