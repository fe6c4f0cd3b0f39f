#include "encoder/norm_relu.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/relu.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "encoder/fused.h"
#include "encoder/norm_relu_kernel.h"
#include "engine/upload.h"

namespace ser {
namespace {

constexpr double kEpsilon = 1e-5;
// Share of a batch's statistics in the running ones.
constexpr double kMomentum = 0.1;

struct Layout {
  std::int64_t batch, channels, frames, bands;
  std::int64_t row() const { return bands * channels; }
  explicit Layout(const at::Tensor& x) : batch(x.size(0)), channels(x.size(1)), frames(x.size(2)), bands(x.size(3)) {}
};

std::vector<float> tile(const std::vector<double>& per_channel, std::int64_t bands) {
  std::vector<float> out;
  out.reserve(per_channel.size() * static_cast<std::size_t>(bands));
  for (std::int64_t w = 0; w < bands; ++w) {
    for (const double value : per_channel) out.push_back(static_cast<float>(value));
  }
  return out;
}

// Sums two arrays that `work` fills per utterance (W * C floats each) to per-channel doubles. The order of additions is fixed
// by the batch, not by the threads.
template <typename Work>
std::pair<std::vector<double>, std::vector<double>> channel_sums(const Layout& shape, const Work& work) {
  const std::int64_t n = shape.row();
  std::vector<float> parts(static_cast<std::size_t>(2 * shape.batch * n));
  at::parallel_for(0, shape.batch, 1, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t b = from; b < to; ++b) work(b, parts.data() + 2 * b * n, parts.data() + (2 * b + 1) * n);
  });
  std::pair<std::vector<double>, std::vector<double>> out;
  for (auto* sums : {&out.first, &out.second}) {
    const std::int64_t which = sums == &out.first ? 0 : 1;
    sums->assign(static_cast<std::size_t>(shape.channels), 0);
    for (std::int64_t b = 0; b < shape.batch; ++b) {
      const float* part = parts.data() + (2 * b + which) * n;
      for (std::int64_t i = 0; i < n; ++i)
        (*sums)[static_cast<std::size_t>(i % shape.channels)] += static_cast<double>(part[i]);
    }
  }
  return out;
}

std::vector<double> values_of(const at::Tensor& tensor) {
  const at::Tensor host = tensor.detach().contiguous();
  return {host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel()};
}

at::Tensor to_tensor(const std::vector<double>& values) {
  at::Tensor out = at::empty({static_cast<std::int64_t>(values.size())}, at::TensorOptions(at::kFloat));
  std::transform(values.begin(), values.end(), out.mutable_data_ptr<float>(), [](double x) { return static_cast<float>(x); });
  return out;
}

struct Statistics {
  std::vector<double> mean, variance;
  double count = 0;
};

template <typename T>
const T* read(const at::Tensor& x) {
  return static_cast<const T*>(x.const_data_ptr());
}
template <typename T>
T* write(at::Tensor& x) {
  return static_cast<T*>(x.mutable_data_ptr());
}

// Calls `work` with a value of the element type that a tensor holds.
template <typename Work>
auto for_type(const at::Tensor& x, const Work& work) {
  return x.scalar_type() == at::kBFloat16 ? work(Half16{}) : work(float{});
}

template <typename T>
at::Tensor run_forward(const at::Tensor& x, const Layout& shape, const std::vector<std::int64_t>& lengths,
                       const std::vector<float>& scale, const std::vector<float>& shift) {
  at::Tensor y = at::empty_like(x);
  const std::int64_t n = shape.row();
  const T* in = read<T>(x);
  T* out = write<T>(y);
  at::parallel_for(0, shape.batch, 1, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t b = from; b < to; ++b) {
      const std::int64_t start = b * shape.frames * n, length = lengths[static_cast<std::size_t>(b)];
      norm_apply(length, n, in + start, scale.data(), shift.data(), out + start);
      std::fill(out + start + length * n, out + start + shape.frames * n, T{});
    }
  });
  return y;
}

struct NormRelu : torch::autograd::Function<NormRelu> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& input, const at::Tensor& weight,
                            const at::Tensor& bias, const NormWeights& weights, const std::vector<std::int64_t>& lengths,
                            bool training) {
    const at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
    const Layout shape(x);
    Statistics statistics;
    if (training) {
      const auto [sum, square] = for_type(x, [&](auto type) {
        using T = decltype(type);
        return channel_sums(shape, [&](std::int64_t b, float* first, float* second) {
          norm_sums(lengths[static_cast<std::size_t>(b)], shape.row(), read<T>(x) + b * shape.frames * shape.row(), first,
                    second);
        });
      });
      statistics.count = static_cast<double>(shape.bands * std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}));
      for (std::size_t c = 0; c < sum.size(); ++c) {
        const double mean = sum[c] / statistics.count;
        statistics.mean.push_back(mean);
        statistics.variance.push_back(std::max(0.0, square[c] / statistics.count - mean * mean));
      }
    } else {
      statistics.mean = values_of(weights.mean.value);
      statistics.variance = values_of(weights.variance.value);
    }
    std::vector<double> scale = values_of(weight), shift = values_of(bias), inverse;
    for (std::size_t c = 0; c < scale.size(); ++c) {
      inverse.push_back(1 / std::sqrt(statistics.variance[c] + kEpsilon));
      scale[c] *= inverse[c];
      shift[c] -= statistics.mean[c] * scale[c];
    }
    if (training) {
      const double unbiased = statistics.count > 1 ? statistics.count / (statistics.count - 1) : 1;
      std::vector<double> mean = values_of(weights.mean.value), variance = values_of(weights.variance.value);
      for (std::size_t c = 0; c < mean.size(); ++c) {
        mean[c] += kMomentum * (statistics.mean[c] - mean[c]);
        variance[c] += kMomentum * (statistics.variance[c] * unbiased - variance[c]);
      }
      at::Tensor(weights.mean.pending).copy_(to_tensor(mean));
      at::Tensor(weights.variance.pending).copy_(to_tensor(variance));
    }
    ctx->save_for_backward({x, to_tensor(scale), to_tensor(shift), to_tensor(statistics.mean), to_tensor(inverse)});
    ctx->saved_data["lengths"] = lengths;
    ctx->saved_data["training"] = training;
    return for_type(x, [&](auto type) {
      return run_forward<decltype(type)>(x, shape, lengths, tile(scale, shape.bands), tile(shift, shape.bands));
    });
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grad) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor& x = saved[0];
    const Layout shape(x);
    const std::vector<std::int64_t> lengths = ctx->saved_data["lengths"].toIntVector();
    const std::vector<double> scale = values_of(saved[1]), mean = values_of(saved[3]), inverse = values_of(saved[4]);
    const std::vector<float> scales = tile(scale, shape.bands), shifts = tile(values_of(saved[2]), shape.bands);
    const at::Tensor dy = grad[0].to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
    const std::int64_t n = shape.row();
    const auto [d_bias, product] = for_type(x, [&](auto type) {
      using T = decltype(type);
      return channel_sums(shape, [&](std::int64_t b, float* first, float* second) {
        const std::int64_t start = b * shape.frames * n;
        norm_gradient_sums(lengths[static_cast<std::size_t>(b)], n, read<T>(x) + start, read<T>(dy) + start, scales.data(),
                           shifts.data(), first, second);
      });
    });
    // dx = scale (dz - mean(dz) - x^ mean(dz x^)) with x^ = (x - mean) * inverse, written as dz * scale + x * slope + offset.
    const double count = static_cast<double>(shape.bands * std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}));
    std::vector<double> d_weight(scale.size()), slope(scale.size(), 0), offset(scale.size(), 0);
    for (std::size_t c = 0; c < scale.size(); ++c) {
      d_weight[c] = (product[c] - mean[c] * d_bias[c]) * inverse[c];
      if (!ctx->saved_data["training"].toBool()) continue;
      slope[c] = -scale[c] * d_weight[c] / count * inverse[c];
      offset[c] = -scale[c] * d_bias[c] / count - slope[c] * mean[c];
    }
    const std::vector<float> slopes = tile(slope, shape.bands), offsets = tile(offset, shape.bands);
    at::Tensor dx = at::empty_like(x);
    for_type(x, [&](auto type) {
      using T = decltype(type);
      const T *in = read<T>(x), *up = read<T>(dy);
      T* out = write<T>(dx);
      at::parallel_for(0, shape.batch, 1, [&](std::int64_t from, std::int64_t to) {
        for (std::int64_t b = from; b < to; ++b) {
          const std::int64_t start = b * shape.frames * n, length = lengths[static_cast<std::size_t>(b)];
          norm_gradient_apply(length, n, in + start, up + start, scales.data(), shifts.data(), slopes.data(), offsets.data(),
                              out + start);
          std::fill(out + start + length * n, out + start + shape.frames * n, T{});
        }
      });
    });
    return {dx, to_tensor(d_weight), to_tensor(d_bias), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor norm_relu(const at::Tensor& x, const NormWeights& weights, const std::vector<std::int64_t>& lengths, bool training) {
#ifdef SER_CUDA
  if (x.is_cuda() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16)) {
    return norm_relu_on_cuda(x, weights, lengths, training);
  }
#endif
  if (!x.is_cpu() || (x.scalar_type() != at::kFloat && x.scalar_type() != at::kBFloat16)) {
    return norm_relu_composite(x, weights, lengths, training);
  }
  return NormRelu::apply(x, weights.weight, weights.bias, weights, lengths, training);
}

at::Tensor norm_relu_composite(const at::Tensor& input, const NormWeights& weights, const std::vector<std::int64_t>& lengths,
                               bool training) {
  const at::Tensor x = input.scalar_type() == at::kDouble ? input : input.to(at::kFloat);
  at::Tensor mask = at::empty({x.size(0), 1, x.size(2), 1}, at::TensorOptions(at::kFloat)).zero_();
  for (std::int64_t b = 0; b < x.size(0); ++b) {
    float* row = mask.mutable_data_ptr<float>() + b * x.size(2);
    std::fill(row, row + lengths[static_cast<std::size_t>(b)], 1.0f);
  }
  mask = upload(mask, x.options());
  const auto spread = [](const at::Tensor& per_channel) { return per_channel.view({1, -1, 1, 1}); };
  at::Tensor mean = weights.mean.value.to(x.scalar_type()), variance = weights.variance.value.to(x.scalar_type());
  if (training) {
    const double count = static_cast<double>(x.size(3) * std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}));
    mean = (x * mask).sum({0, 2, 3}) / count;
    variance = ((x - spread(mean)).square() * mask).sum({0, 2, 3}) / count;
    const double unbiased = count > 1 ? count / (count - 1) : 1;
    const auto move = [](const Buffer& buffer, const at::Tensor& to) {
      at::Tensor(buffer.pending).copy_(buffer.value + kMomentum * (to.detach() - buffer.value));
    };
    move(weights.mean, mean);
    move(weights.variance, variance * unbiased);
  }
  const at::Tensor normal = (x - spread(mean)) / (spread(variance) + kEpsilon).sqrt();
  return at::relu(normal * spread(weights.weight) + spread(weights.bias)) * mask;
}

}  // namespace ser
