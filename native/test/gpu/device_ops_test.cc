// Every operation of ours on a GPU against the same operation on the CPU: values, gradients, and the same bits twice. Whatever
// the GPU has for it, a kernel or a composite, is what is tested. Small and odd sizes, segments of one frame, both precisions.
#include <cstdlib>

#include "bench/op_cases.h"
#include "encoder/mel_frontend.h"
#include "encoder/norm_relu.h"
#include "encoder/pretrained/conv_extractor.h"
#include "encoder/pretrained/log_mel.h"
#include "encoder/segment_attention.h"
#include "encoder/segment_conv.h"
#include "encoder/segment_ops.h"
#include "encoder/strided_conv.h"
#include "engine/dropout.h"
#include "head/flam.h"
#include "loss/multi/multi_loss.h"
#include "test/gpu/compare.h"

namespace {

using ser::test::Tensors;

constexpr double kFloat32 = 2e-5, kHalf = 2e-2;

at::Tensor leaf(at::IntArrayRef shape, double scale = 1) { return (at::randn(shape) * scale).set_requires_grad(true); }

ser::SegmentsPtr segments_of(const std::vector<std::int64_t>& lengths) {
  std::vector<std::uint32_t> keys;
  for (std::size_t b = 0; b < lengths.size(); ++b) keys.push_back(static_cast<std::uint32_t>(b * 2654435761u + 17));
  return ser::make_segments(lengths, keys);
}

std::vector<std::vector<std::int64_t>> batches{{1}, {5}, {1, 33, 7}, {64, 1, 129, 17, 250}};
std::vector<std::int64_t> loss_batches{1, 2, 3, 33, 256, 600};

std::string name_of(const std::vector<std::int64_t>& lengths) {
  std::string out;
  for (const std::int64_t length : lengths) out += (out.empty() ? "" : "+") + std::to_string(length);
  return out + " frames";
}

void segment_operations(at::Device device) {
  for (const auto& lengths : batches) {
    const std::string of = name_of(lengths);
    const std::int64_t total = segments_of(lengths)->total();
    for (const std::int64_t width : {1, 19, 192}) {
      const Tensors x{leaf({total, width})}, xw{leaf({total, width}), leaf({total})};
      const std::string size = of + " of " + std::to_string(width);
      // Segments keep their offsets on one device: each run has its own.
      ser::test::compare(
          "mean, " + size, device, x,
          [&](const Tensors& in) { return Tensors{ser::segment_mean(in[0], segments_of(lengths))}; }, kFloat32);
      ser::test::compare(
          "max, " + size, device, x, [&](const Tensors& in) { return Tensors{ser::segment_max(in[0], segments_of(lengths))}; },
          kFloat32);
      ser::test::compare(
          "broadcast mean, " + size, device, x,
          [&](const Tensors& in) { return Tensors{ser::segment_broadcast_mean(in[0], segments_of(lengths))}; }, kFloat32);
      ser::test::compare(
          "weighted sum, " + size, device, xw,
          [&](const Tensors& in) { return Tensors{ser::segment_weighted_sum(in[0], in[1], segments_of(lengths))}; }, kFloat32);
    }
    ser::test::compare(
        "softmax, " + of, device, {leaf({total}, 4)},
        [&](const Tensors& in) { return Tensors{ser::segment_softmax(in[0], segments_of(lengths))}; }, kFloat32);
    for (const std::int64_t kernel : {1, 15, 31}) {
      ser::test::compare(
          "depthwise convolution of " + std::to_string(kernel) + ", " + of, device,
          {leaf({total, 24}), leaf({24, kernel}), leaf({24})},
          [&](const Tensors& in) { return Tensors{ser::segment_depthwise_conv(in[0], in[1], in[2], segments_of(lengths))}; },
          kFloat32);
    }
  }
}

void attention(at::Device device) {
  for (const auto& lengths : batches) {
    const std::int64_t total = segments_of(lengths)->total(), longest = segments_of(lengths)->longest();
    for (const std::int64_t head : {8, 48, 64}) {
      const std::int64_t heads = 3, width = heads * head;
      const std::string size = name_of(lengths) + ", heads of " + std::to_string(head);
      for (const double p : {0.0, 0.1}) {
        const std::string with = size + (p > 0 ? ", dropout" : "");
        ser::AttentionOptions options;
        options.dropout = p;
        options.key = {7, 3, 11};
        ser::test::compare(
            "attention, " + with, device, {leaf({total, 3 * width})},
            [&](const Tensors& in) { return Tensors{ser::segment_attention(in[0], heads, segments_of(lengths), options)}; },
            kFloat32);
        ser::test::compare(
            "attention with a relative bias, " + with, device,
            {leaf({total, 3 * width}), leaf({total, heads}), leaf({heads, 2 * longest + 3})},
            [&](const Tensors& in) {
              ser::AttentionOptions own = options;
              own.gate = in[1];
              own.table = in[2];
              return Tensors{ser::segment_attention(in[0], heads, segments_of(lengths), own)};
            },
            kFloat32);
        ser::test::compare(
            "attention in bf16, " + with, device, {leaf({total, 3 * width})},
            [&](const Tensors& in) {
              return Tensors{ser::segment_attention(in[0].to(at::kBFloat16), heads, segments_of(lengths), options)};
            },
            kHalf);
      }
    }
  }
}

void noise(at::Device device) {
  for (const auto& lengths : batches) {
    const std::int64_t total = segments_of(lengths)->total();
    for (const bool shared : {false, true}) {
      for (const std::int64_t width : {1, 37, 512}) {
        const ser::DropoutKey key{0x123456789abcdefull, 5, 9, shared};
        const std::string size = name_of(lengths) + " of " + std::to_string(width) + (shared ? ", one decision a channel" : "");
        ser::test::compare(
            "dropout, " + size, device, {leaf({total, width})},
            [&](const Tensors& in) { return Tensors{ser::dropout(in[0], 0.3, key, segments_of(lengths))}; }, 1e-6);
        ser::test::compare(
            "dropout and residual, " + size, device, {leaf({total, width}), leaf({total, width})},
            [&](const Tensors& in) { return Tensors{ser::dropout_add(in[0], in[1], 0.5, 0.3, key, segments_of(lengths))}; },
            1e-6);
      }
    }
  }
}

void losses(at::Device device) {
  for (const std::int64_t batch : loss_batches) {
    for (const std::int64_t classes : {1, 4, 64}) {
      const at::Tensor base = at::arange(batch, at::TensorOptions(at::kInt)).remainder(classes);
      const at::Tensor labels = at::softmax(at::randn({batch, classes}) * 2, 1);
      for (const double gamma : {0.0, 2.0}) {
        ser::test::compare(
            "multi-loss, " + std::to_string(batch) + " x " + std::to_string(classes) + ", gamma " + std::to_string(gamma),
            device,
            {leaf({batch, classes}, 2), leaf({batch, 40}), leaf({batch, 40}), leaf({classes, 40}), labels, base,
             at::rand({classes}) + 0.5},
            [&](const Tensors& in) {
              const ser::MultiLossInput input{in[0], in[1], in[2], in[4], in[5], in[3], in[6]};
              const auto out = ser::multi_loss(input, {{1, 0.5, 0.3, 0.7}, gamma, 0.1});
              return Tensors{out.total, out.components};
            },
            1e-5);
      }
    }
  }
}

void pooling(at::Device device) {
  for (const auto& lengths : batches) {
    const std::int64_t total = segments_of(lengths)->total(), width = 48;
    for (const bool broadcast : {false, true}) {
      ser::test::compare(
          std::string("FLAM, ") + (broadcast ? "broadcast, " : "") + name_of(lengths), device,
          {leaf({total, width}), leaf({3 * width, width}, 0.2), leaf({3 * width}), leaf({width, width}, 0.2), leaf({width}),
           leaf({width})},
          [&](const Tensors& in) {
            const ser::FlamWeights weights{in[1], in[2], in[3], in[4], in[5], 4};
            const auto out = ser::flam(in[0], ser::flam_projection(in[0], weights), weights, segments_of(lengths), broadcast);
            return Tensors{out.pooled, out.weights};
          },
          5e-5);
    }
  }
}

void spectrograms(at::Device device) {
  const std::vector<std::int64_t> lengths{16000, 401, 8123};
  const at::Tensor samples = at::randn({16000 + 401 + 8123}) * 0.1;
  ser::AugmentRows augment;
  augment.warp = {1, 1.1f, 0.9f};
  augment.tempo = {1, 1.2f, 0.8f};
  augment.time_masks = {0.1f, 0.2f, 0, 0, 0.5f, 0.3f};
  augment.band_masks = {3, 6, 0, 0, 20, 8};
  for (const ser::AugmentRows* with : std::initializer_list<const ser::AugmentRows*>{nullptr, &augment}) {
    ser::test::compare(
        std::string("mel spectrogram") + (with == nullptr ? "" : ", augmented"), device, {samples},
        [&](const Tensors& in) {
          const ser::Waves waves{in[0], lengths, {1, 2, 3}};
          return Tensors{ser::mel_spectrogram(ser::MelFrontend(), waves, with).values};
        },
        2e-4);
  }
  for (const std::int64_t pad_to : {0, 20000}) {
    ser::test::compare(
        "log-mel, padded to " + std::to_string(pad_to), device, {samples},
        [&](const Tensors& in) { return Tensors{ser::log_mel(in[0], lengths, 80, pad_to)}; }, 2e-4);
  }
  const std::vector<std::int64_t> frames{13, 1, 7};
  for (const bool training : {true, false}) {
    ser::test::compare(
        std::string("batch norm and ReLU") + (training ? ", training" : ""), device,
        {leaf({3, 8, 13, 10}), leaf({8}), leaf({8}), at::randn({8}), at::rand({8}) + 0.5},
        [&](const Tensors& in) {
          const ser::NormWeights weights{in[1], in[2], {in[3], in[3].clone()}, {in[4], in[4].clone()}};
          const at::Tensor y = ser::norm_relu(in[0], weights, frames, training);
          return Tensors{y, weights.mean.pending, weights.variance.pending};
        },
        kFloat32);
  }
  for (const std::int64_t stride : {1, 2}) {
    ser::test::compare(
        "convolution of stride " + std::to_string(stride), device, {leaf({3, 4, 21, 16}), leaf({8, 4, 3, 3}, 0.2)},
        [&](const Tensors& in) {
          const at::Tensor x = in[0].contiguous(at::MemoryFormat::ChannelsLast);
          return Tensors{ser::strided_conv(x, in[1], stride)};
        },
        kFloat32);
  }
}

// Against the plain composite, on the GPU itself, at the sizes of training: what `ser-native bench` times.
void training_sizes(at::Device device) {
  for (const ser::Precision precision : {ser::Precision::fp32, ser::Precision::bf16}) {
    for (const std::string& name : ser::op_names()) {
      const std::string what = name + (precision == ser::Precision::bf16 ? ", bf16" : "") + ", size of training";
      try {
        const ser::OpCase op = ser::make_op_case(name, {80000, 48000, 61000, 16000}, precision, device);
        const at::Tensor own = op.own(), plain = op.plain();
        if (!op.comparable) continue;
        const double limit = precision == ser::Precision::bf16 ? kHalf : 5e-4;
        SER_CHECK_WITHIN(ser::test::distance(own.detach().to(at::kCPU, at::kDouble), plain.detach().to(at::kCPU, at::kDouble)),
                         limit, what);
      } catch (const std::exception& error) {
        SER_CHECK(false, what + ": " + error.what());
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Under compute-sanitizer everything takes tens of times as long.
  const bool quick = argc > 1 && std::string(argv[1]) == "--quick";
  if (quick) {
    batches = {{1}, {1, 33, 7}};
    loss_batches = {3, 33};
  }
  // Read by cuBLAS once: without it the deterministic mode refuses products.
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  const auto device = ser::test::gpu("device_ops_test");
  if (!device) return ser::test::kSkipped;
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  at::globalContext().setAllowTF32CuDNN(false);
  at::manual_seed(1);
  segment_operations(*device);
  attention(*device);
  noise(*device);
  losses(*device);
  pooling(*device);
  spectrograms(*device);
  if (!quick) training_sizes(*device);
  return ser::test::finish("device_ops_test");
}
