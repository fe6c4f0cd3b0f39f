#include "encoder/pretrained/conv_extractor.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/var_mean.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "encoder/fused.h"
#include "encoder/pretrained/conv_extractor_kernel.h"
#ifdef SER_CUDA
#include "encoder/pretrained/wave_layout_device.h"
#endif

namespace ser {
namespace {

// Of the norms here, whatever the configuration's layer_norm_eps.
constexpr double kEpsilon = 1e-5;
constexpr double kWaveEpsilon = 1e-7;
// Frames whose convolutions are computed before the next ones': 5 s, so that memory does not grow with the sound's length, and
// the weights are read seldom enough.
constexpr std::int64_t kChunk = 256;

std::int64_t rows_after(std::int64_t rows, std::int64_t kernel, std::int64_t stride) { return (rows - kernel) / stride + 1; }

// Taps [block * stride, ...) of a convolution as one product: rows of `taps * channels` neighbouring values, `stride * channels`
// apart, so they do not overlap, as matrix libraries demand. A kernel wider than its stride takes several such products.
struct Block {
  Block(std::int64_t index, std::int64_t kernel, std::int64_t stride)
      : first(index * stride), taps(std::min(stride, kernel - first)) {}
  std::int64_t first, taps;
};

std::int64_t blocks_of(std::int64_t kernel, std::int64_t stride) { return (kernel + stride - 1) / stride; }

at::Tensor block_rows(const at::Tensor& x, const Block& block, std::int64_t rows, std::int64_t stride) {
  const std::int64_t channels = x.size(1);
  return x.as_strided({rows, block.taps * channels}, {stride * channels, 1}, x.storage_offset() + block.first * channels);
}

// weight: out x taps x in.
at::Tensor strided_product(const at::Tensor& x, const at::Tensor& weight, std::int64_t stride) {
  const std::int64_t kernel = weight.size(1), rows = rows_after(x.size(0), kernel, stride);
  at::Tensor y;
  for (std::int64_t i = 0; i < blocks_of(kernel, stride); ++i) {
    const Block block(i, kernel, stride);
    const at::Tensor in = block_rows(x, block, rows, stride), part = weight.narrow(1, block.first, block.taps).flatten(1).t();
    if (y.defined()) {
      y.addmm_(in, part);
    } else {
      y = at::mm(in, part);
    }
  }
  return y;
}

// Computes in the type of x. Overlapping views have slow gradients in LibTorch; these are products again.
struct StridedConv : torch::autograd::Function<StridedConv> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            std::int64_t stride) {
    const at::Tensor in = x.contiguous(), cast = weight.to(x.scalar_type());
    ctx->save_for_backward({in, cast});
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["type"] = weight.scalar_type();
    return strided_product(in, cast, stride);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const std::int64_t stride = ctx->saved_data["stride"].toInt(), kernel = weight.size(1);
    const at::Tensor dy = grad[0].to(x.scalar_type()).contiguous();
    const std::int64_t rows = dy.size(0);
    at::Tensor dx, dw;
    if (ctx->needs_input_grad(0)) dx = at::zeros(x.sizes(), x.options());
    if (ctx->needs_input_grad(1)) dw = at::empty(weight.sizes(), weight.options());
    for (std::int64_t i = 0; i < blocks_of(kernel, stride); ++i) {
      const Block block(i, kernel, stride);
      const at::Tensor part = weight.narrow(1, block.first, block.taps).flatten(1);
      if (dx.defined()) block_rows(dx, block, rows, stride).addmm_(dy, part);
      if (dw.defined()) {
        dw.narrow(1, block.first, block.taps)
            .copy_(at::mm(dy.t(), block_rows(x, block, rows, stride)).view({-1, block.taps, x.size(1)}));
      }
    }
    if (dw.defined()) dw = dw.to(ctx->saved_data["type"].toScalarType());
    return {dx, dw, at::Tensor()};
  }
};

// What the first convolution's kernel needs, for one utterance: with group norm its statistics are part of the weights.
struct FirstWeights {
  at::Tensor taps, bias;  // kernel x padded, padded
};

FirstWeights first_weights(const at::Tensor& weight, const at::Tensor& bias) {
  const std::int64_t channels = weight.size(0), beyond = first_conv_width(channels) - channels;
  const at::Tensor plain = bias.defined() ? bias : at::zeros({channels}, weight.options());
  return {at::constant_pad_nd(weight.t().to(at::kFloat), {0, beyond}, 0).contiguous(),
          at::constant_pad_nd(plain.to(at::kFloat), {0, beyond}, 0).contiguous()};
}

// The mean and covariance of the windows (kernel samples, stride apart) of a waveform: a filter's output has mean w m and
// variance w' C w, so no filter needs to run for its statistics.
struct WindowMoments {
  at::Tensor mean, covariance;  // double: kernel, kernel x kernel
};

WindowMoments window_moments(const at::Tensor& wave, std::int64_t kernel, std::int64_t stride) {
  const std::int64_t rows = rows_after(wave.size(0), kernel, stride);
  const at::Tensor windows = wave.to(at::kDouble).as_strided({rows, kernel}, {stride, 1});
  const at::Tensor mean = windows.mean(0), centred = windows - mean;
  return {mean, at::mm(centred.t(), centred) / static_cast<double>(rows)};
}

}  // namespace

ConvExtractor::ConvExtractor(const SslEncoderConfig& config, Placement placement, ParameterSet& parameters,
                             Initializer& initializer)
    : normalize_(config.normalize), group_norm_(config.group_norm), trained_(placement.trained) {
  std::int64_t in = 1;
  for (std::size_t i = 0; i < config.conv_channels.size(); ++i) {
    const std::string name = "encoder.extractor." + std::to_string(i);
    const std::int64_t out = config.conv_channels[i];
    Layer layer;
    layer.kernel = config.conv_kernels[i];
    layer.stride = config.conv_strides[i];
    layer.weight = parameters.add(name + ".weight", initializer.zeros({out, layer.kernel, in}), true, placement);
    if (config.conv_bias) layer.bias = parameters.add(name + ".bias", initializer.zeros({out}), false, placement);
    if (!group_norm_ || i == 0) {
      layer.norm_weight = parameters.add(name + ".norm.weight", initializer.ones({out}), false, placement);
      layer.norm_bias = parameters.add(name + ".norm.bias", initializer.zeros({out}), false, placement);
    }
    field_ += (layer.kernel - 1) * hop_;
    hop_ *= layer.stride;
    layers_.push_back(std::move(layer));
    in = out;
  }
}

std::int64_t ConvExtractor::frames(std::int64_t samples) const { return samples < field_ ? 0 : (samples - field_) / hop_ + 1; }

at::Tensor ConvExtractor::prepared(const at::Tensor& wave) const {
  if (!normalize_) return wave;
  const auto [variance, mean] = at::var_mean(wave, at::IntArrayRef{0}, /*unbiased=*/false);
  return (wave - mean) * at::rsqrt(variance + kWaveEpsilon);
}

ConvExtractor::Layout ConvExtractor::lay_out(const Waves& waves) const {
  Layout out;
  out.lengths = waves.lengths;
  std::int64_t slot = 0;
  for (const std::int64_t length : waves.lengths) {
    out.slots.push_back(slot);
    out.frames.push_back(frames(length));
    slot += (length + hop_ - 1) / hop_;
  }
  out.slots.push_back(slot);
#ifdef SER_CUDA
  if (waves.samples.is_cuda() && waves.samples.scalar_type() == at::kFloat) {
    out.samples = device_wave_layout(waves.samples, waves.lengths, hop_, normalize_, kWaveEpsilon);
    return out;
  }
#endif
  std::vector<at::Tensor> parts;
  std::int64_t start = 0;
  for (std::size_t b = 0; b < waves.lengths.size(); ++b) {
    const std::int64_t length = waves.lengths[b], room = (out.slots[b + 1] - out.slots[b]) * hop_;
    const at::Tensor wave = prepared(waves.samples.narrow(0, start, length));
    parts.push_back(at::constant_pad_nd(wave, {0, room - length}, 0));
    start += length;
  }
  out.samples = at::cat(parts);
  return out;
}

at::Tensor ConvExtractor::drop_straddling(const at::Tensor& all, const Layout& layout) const {
  std::vector<at::Tensor> kept;
  for (std::size_t b = 0; b < layout.frames.size(); ++b) kept.push_back(all.narrow(0, layout.slots[b], layout.frames[b]));
  return at::cat(kept);
}

at::Tensor ConvExtractor::forward(const Waves& waves) const {
  const bool gradients = trained_ && at::GradMode::is_enabled();
  const at::AutoGradMode mode(gradients);
  const Layout layout = lay_out(waves);
  if (gradients || !layout.samples.is_cpu() || layout.samples.scalar_type() != at::kFloat) return train_forward(layout);
  return fast_forward(layout);
}

// Layer 0's rows of every utterance by the statistics of those that see none but its samples.
at::Tensor ConvExtractor::group_norm(const at::Tensor& y, const Layout& layout) const {
  const Layer& layer = layers_.front();
  const std::int64_t per_slot = hop_ / layer.stride;
  std::vector<at::Tensor> parts;
  for (std::size_t b = 0; b < layout.lengths.size(); ++b) {
    const std::int64_t first = layout.slots[b] * per_slot, own = rows_after(layout.lengths[b], layer.kernel, layer.stride);
    const std::int64_t end = b + 1 < layout.lengths.size() ? layout.slots[b + 1] * per_slot : y.size(0);
    const at::Tensor rows = y.narrow(0, first, own);
    const auto [variance, mean] = at::var_mean(rows, at::IntArrayRef{0}, /*unbiased=*/false);
    parts.push_back((rows - mean) * (at::rsqrt(variance + kEpsilon) * layer.norm_weight) + layer.norm_bias);
    parts.push_back(y.narrow(0, first + own, end - first - own));
  }
  return at::cat(parts);
}

at::Tensor ConvExtractor::train_forward(const Layout& layout) const {
  // A device without autocast, such as that of shapes alone, has nothing to ask.
  const at::DeviceType device = layout.samples.device().type();
  const bool half = at::autocast::is_autocast_available(device) && at::autocast::is_autocast_enabled(device);
  const at::ScalarType type = half ? at::autocast::get_autocast_dtype(device) : layout.samples.scalar_type();
  const c10::impl::ExcludeDispatchKeyGuard own_types(c10::autocast_dispatch_keyset);
  at::Tensor x = layout.samples.unsqueeze(1);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    // The waveform and the first norm's statistics keep full precision.
    if (i == 1) x = x.to(type);
    x = StridedConv::apply(x, layer.weight, layer.stride);
#ifdef SER_CUDA
    if (has_fused(x)) {
      x = fused_norm_gelu(x, i, layout, type);
      continue;
    }
#endif
    if (layer.bias.defined()) x = x + layer.bias.to(x.scalar_type());
    if (layer.norm_weight.defined()) {
      x = group_norm_
              ? group_norm(x, layout)
              : at::layer_norm(x.to(layer.norm_weight.scalar_type()), {x.size(1)}, layer.norm_weight, layer.norm_bias, kEpsilon)
                    .to(x.scalar_type());
    }
    x = at::gelu(x);
  }
  return drop_straddling(x, layout);
}

at::Tensor ConvExtractor::fast_forward(const Layout& layout) const {
  const bool half = at::autocast::is_autocast_enabled(at::kCPU);
  const at::ScalarType type = half ? at::kBFloat16 : at::kFloat;
  const c10::impl::ExcludeDispatchKeyGuard own_types(c10::autocast_dispatch_keyset);
  const Layer& first = layers_.front();
  const std::int64_t last_frame = layout.slots[layout.lengths.size() - 1] + layout.frames.back();

  // One set of the first layer's weights for all, or with group norm one an utterance.
  const at::Tensor taps = first.weight.select(2, 0);
  std::vector<FirstWeights> weights;
  if (!group_norm_) weights.push_back(first_weights(taps, first.bias));
  for (std::size_t b = 0; group_norm_ && b < layout.lengths.size(); ++b) {
    const WindowMoments moments =
        window_moments(layout.samples.narrow(0, layout.slots[b] * hop_, layout.lengths[b]), first.kernel, first.stride);
    const at::Tensor w = taps.to(at::kDouble);
    const at::Tensor variance = (at::mm(w, moments.covariance) * w).sum(1);
    const at::Tensor scale = at::rsqrt(variance + kEpsilon) * first.norm_weight;
    weights.push_back(first_weights(w * scale.unsqueeze(1), first.norm_bias - w.mv(moments.mean) * scale));
  }
  std::vector<at::Tensor> rest;
  for (const Layer& layer : layers_) rest.push_back(layer.weight.to(type));

  const auto first_rows = [&](std::int64_t begin, std::int64_t end) {
    at::Tensor out = at::empty({end - begin, first.weight.size(0)}, layout.samples.options().dtype(type));
    const std::int64_t per_slot = hop_ / first.stride;
    for (std::size_t b = 0; b < layout.lengths.size(); ++b) {
      // Rows after an utterance's slot and before the next one's belong to the straddling ones; any weights will do.
      const bool final_one = b + 1 == layout.lengths.size();
      const std::int64_t from = std::max(begin, layout.slots[b] * per_slot);
      const std::int64_t to = final_one ? end : std::min(end, layout.slots[b + 1] * per_slot);
      if (from >= to) continue;
      const FirstWeights& own = weights[group_norm_ ? b : 0];
      FirstConv conv;
      conv.channels = first.weight.size(0);
      conv.kernel = first.kernel;
      conv.stride = first.stride;
      conv.taps = own.taps.const_data_ptr<float>();
      conv.bias = own.bias.const_data_ptr<float>();
      if (!group_norm_) {
        conv.norm_weight = first.norm_weight.const_data_ptr<float>();
        conv.norm_bias = first.norm_bias.const_data_ptr<float>();
      }
      conv.epsilon = static_cast<float>(kEpsilon);
      const float* samples = layout.samples.const_data_ptr<float>();
      at::parallel_for(from, to, 64, [&](std::int64_t low, std::int64_t high) {
        const std::int64_t at = (low - begin) * conv.channels;
        if (half) {
          first_conv(conv, samples + low * conv.stride, high - low,
                     reinterpret_cast<std::uint16_t*>(out.mutable_data_ptr<at::BFloat16>()) + at);
        } else {
          first_conv(conv, samples + low * conv.stride, high - low, out.mutable_data_ptr<float>() + at);
        }
      });
    }
    return out;
  };

  at::Tensor all = at::empty({last_frame, channels()}, layout.samples.options().dtype(type));
  for (std::int64_t begin = 0; begin < last_frame; begin += kChunk) {
    const std::int64_t end = std::min(last_frame, begin + kChunk);
    // Rows of layer 0 that these frames see.
    std::int64_t low = begin, high = end;
    for (std::size_t i = layers_.size() - 1; i > 0; --i) {
      low *= layers_[i].stride;
      high = (high - 1) * layers_[i].stride + layers_[i].kernel;
    }
    at::Tensor x = first_rows(low, high);
    for (std::size_t i = 1; i < layers_.size(); ++i) {
      x = strided_product(x, rest[i], layers_[i].stride);
      if (layers_[i].bias.defined()) x.add_(layers_[i].bias);
      if (layers_[i].norm_weight.defined())
        x = at::layer_norm(x, {x.size(1)}, layers_[i].norm_weight, layers_[i].norm_bias, kEpsilon);
      at::gelu_(x);
    }
    all.narrow(0, begin, end - begin).copy_(x);
  }
  return drop_straddling(all, layout);
}

at::Tensor ConvExtractor::forward_composite(const Waves& waves) const {
  std::vector<at::Tensor> out;
  std::int64_t start = 0;
  for (const std::int64_t length : waves.lengths) {
    at::Tensor x = prepared(waves.samples.narrow(0, start, length)).view({1, 1, length});
    start += length;
    for (const Layer& layer : layers_) {
      x = at::conv1d(x, layer.weight.permute({0, 2, 1}), layer.bias, layer.stride);
      if (layer.norm_weight.defined() && group_norm_) {
        x = at::group_norm(x, x.size(1), layer.norm_weight, layer.norm_bias, kEpsilon);
      } else if (layer.norm_weight.defined()) {
        x = at::layer_norm(x.transpose(1, 2), {x.size(1)}, layer.norm_weight, layer.norm_bias, kEpsilon).transpose(1, 2);
      }
      x = at::gelu(x);
    }
    out.push_back(x.squeeze(0).t());
  }
  return at::cat(out);
}

void ConvExtractor::append_targets(std::vector<CheckpointTarget>& to) const {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const std::string prefix = "feature_extractor.conv_layers." + std::to_string(i) + ".";
    to.push_back({prefix + "conv.weight", layer.weight.detach().permute({0, 2, 1}), {}});
    if (layer.bias.defined()) to.push_back({prefix + "conv.bias", layer.bias.detach(), {}});
    if (!layer.norm_weight.defined()) continue;
    to.push_back({prefix + "layer_norm.weight", layer.norm_weight.detach(), {}});
    to.push_back({prefix + "layer_norm.bias", layer.norm_bias.detach(), {}});
  }
}

}  // namespace ser
