#include "head/flam.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include "encoder/segment_attention.h"
#include "encoder/segment_ops.h"
#include "test/check.h"

namespace {

at::Tensor normal(at::IntArrayRef shape, at::Generator& generator, at::ScalarType type, double scale = 1) {
  return (at::randn(shape, generator, at::TensorOptions(at::kDouble)) * scale).to(type).requires_grad_();
}

std::vector<double> values(const at::Tensor& x) {
  const at::Tensor flat = x.detach().to(at::kDouble).contiguous().view({-1});
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

double gap(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>() / std::max(1.0, b.abs().max().item<double>());
}

struct Case {
  at::Tensor frames;
  ser::FlamWeights weights;
  ser::SegmentsPtr segments;
  std::vector<at::Tensor> inputs() const {
    return {frames, weights.input_weight, weights.input_bias, weights.output_weight, weights.output_bias, weights.score};
  }
};

Case make_case(std::vector<std::int64_t> lengths, std::int64_t width, std::int64_t heads, at::ScalarType type) {
  at::Generator generator = at::detail::createCPUGenerator(5);
  Case c;
  c.segments = ser::make_segments(lengths);
  c.frames = normal({c.segments->total(), width}, generator, type);
  const double scale = 1 / std::sqrt(static_cast<double>(width));
  c.weights = {normal({3 * width, width}, generator, type, scale),
               normal({3 * width}, generator, type, 0.1),
               normal({width, width}, generator, type, scale),
               normal({width}, generator, type, 0.1),
               normal({width}, generator, type, scale),
               heads};
  return c;
}

// FLAM as the formula reads, under autograd: H formed, one utterance at a time.
ser::FlamOutput plain(const Case& c, bool broadcast) {
  std::vector<at::Tensor> pooled, weights;
  const std::int64_t width = c.frames.size(1), heads = c.weights.heads;
  for (std::int64_t b = 0; b < c.segments->count(); ++b) {
    at::Tensor f = c.frames.narrow(0, c.segments->offsets[b], c.segments->length(b));
    if (broadcast) f = (f + f.mean(0, true)) / 2;
    const auto qkv =
        at::linear(f, c.weights.input_weight, c.weights.input_bias).view({-1, 3, heads, width / heads}).permute({1, 2, 0, 3});
    const auto p = at::softmax(qkv[0].matmul(qkv[1].transpose(1, 2)) / std::sqrt(static_cast<double>(width / heads)), 2);
    const auto a = p.matmul(qkv[2]).transpose(0, 1).reshape({-1, width});
    const auto h = f + at::linear(a, c.weights.output_weight, c.weights.output_bias);
    const auto w = at::softmax(at::mv(h, c.weights.score), 0);
    pooled.push_back((w.unsqueeze(1) * h).sum(0));
    weights.push_back(w);
  }
  return {at::stack(pooled), at::cat(weights)};
}

void against_loops() {
  const Case c = make_case({7, 1, 12}, 12, 4, at::kDouble);
  const auto out = ser::flam(c.frames, ser::flam_projection(c.frames, c.weights), c.weights, c.segments);
  const auto want =
      ser::flam_reference(values(c.frames), {7, 1, 12}, 12, 4, values(c.weights.input_weight), values(c.weights.input_bias),
                          values(c.weights.output_weight), values(c.weights.output_bias), values(c.weights.score));
  const auto pooled = values(out.pooled), weights = values(out.weights);
  double most = 0;
  for (std::size_t i = 0; i < pooled.size(); ++i) most = std::max(most, std::abs(pooled[i] - want.pooled[i]));
  SER_CHECK_WITHIN(most, 1e-12, "pooled vector against plain loops, float64");
  most = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) most = std::max(most, std::abs(weights[i] - want.weights[i]));
  SER_CHECK_WITHIN(most, 1e-13, "pooling weights against plain loops, float64");
}

void against_autograd(std::int64_t width, std::int64_t heads, at::ScalarType type, double limit, bool broadcast) {
  const Case c = make_case({93, 5, 64, 1, 130}, width, heads, type);
  const auto got = ser::flam(c.frames, ser::flam_projection(c.frames, c.weights), c.weights, c.segments, broadcast);
  const auto want = plain(c, broadcast);
  const std::string name = std::string(type == at::kDouble ? "float64" : "float32") + ", width " + std::to_string(width) +
                           ", " + std::to_string(heads) + " heads" + (broadcast ? ", context broadcast" : "");
  SER_CHECK_WITHIN(gap(got.pooled, want.pooled), limit, name + ": pooled");
  SER_CHECK_WITHIN(gap(got.weights, want.weights), limit, name + ": weights");
  at::Generator generator = at::detail::createCPUGenerator(9);
  const at::Tensor up = normal(got.pooled.sizes(), generator, type).detach();
  const auto a = torch::autograd::grad({(got.pooled * up).sum()}, c.inputs());
  const auto b = torch::autograd::grad({(want.pooled * up).sum()}, c.inputs());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, gap(a[i], b[i]));
  SER_CHECK_WITHIN(most, 20 * limit, name + ": gradients");
}

void attention_kernel() {
  at::Generator generator = at::detail::createCPUGenerator(2);
  for (const std::int64_t head : {1, 9, 16, 17, 36, 48, 64}) {
    const auto segments = ser::make_segments({1, 3, 16, 93, 200});
    const at::Tensor qkv = normal({segments->total(), 3 * 2 * head}, generator, at::kFloat, 1.5);
    const at::Tensor up = normal({segments->total(), 2 * head}, generator, at::kFloat).detach();
    const at::Tensor wide = qkv.detach().to(at::kDouble).requires_grad_();
    const at::Tensor got = ser::segment_attention(qkv, 2, segments);
    const at::Tensor want = ser::segment_attention_padded(wide, 2, segments);
    SER_CHECK_WITHIN(gap(got, want), 2e-6, "attention, heads of " + std::to_string(head) + ", against padded float64");
    const at::Tensor a = torch::autograd::grad({(got * up).sum()}, {qkv})[0];
    const at::Tensor b = torch::autograd::grad({(want * up.to(at::kDouble)).sum()}, {wide})[0];
    SER_CHECK_WITHIN(gap(a, b), 5e-6, "its gradient");
  }
}

void independence() {
  const Case c = make_case({40, 111, 3}, 32, 8, at::kFloat);
  const auto together = ser::flam(c.frames, ser::flam_projection(c.frames, c.weights), c.weights, c.segments);
  double most = 0;
  for (std::int64_t b = 0; b < 3; ++b) {
    const at::Tensor alone = c.frames.narrow(0, c.segments->offsets[b], c.segments->length(b));
    const auto one = ser::flam(alone, ser::flam_projection(alone, c.weights), c.weights, ser::make_segments({alone.size(0)}));
    most = std::max(most, gap(one.pooled[0], together.pooled[b]));
  }
  SER_CHECK_WITHIN(most, 1e-6, "an utterance alone gives what it gives in a batch");
  SER_CHECK_WITHIN(std::abs(together.weights.sum().item<double>() - 3), 1e-5, "weights of every utterance sum to 1");
}

void segment_oracles() {
  const Case c = make_case({4, 9, 1}, 8, 2, at::kDouble);
  const auto mean = ser::segment_mean(c.frames, c.segments), most = ser::segment_max(c.frames, c.segments);
  const at::Tensor second = c.frames.narrow(0, 4, 9);
  SER_CHECK_WITHIN(gap(mean[1], second.mean(0)), 1e-14, "segment mean");
  SER_CHECK_WITHIN(gap(most[1], std::get<0>(second.max(0))), 0, "segment maximum");
  SER_CHECK_WITHIN(gap(ser::segment_unpad(ser::segment_pad(c.frames, c.segments), c.segments), c.frames), 0,
                   "padding and back");
}

}  // namespace

int main() {
  against_loops();
  for (const bool broadcast : {false, true}) {
    against_autograd(24, 8, at::kDouble, 1e-12, broadcast);
    against_autograd(144, 16, at::kFloat, 3e-6, broadcast);
    against_autograd(128, 4, at::kFloat, 3e-6, broadcast);
  }
  attention_kernel();
  independence();
  segment_oracles();
  return ser::test::finish("flam");
}
