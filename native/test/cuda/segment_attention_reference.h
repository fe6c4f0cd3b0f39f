// Attention by segments in plain double precision, with gradients and, for each result, how far a kernel may be off: the errors
// of its roundings carried through the same formulas, so that no tolerance is guessed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "encoder/segment_attention_kernel.h"

namespace ser::test {

struct AttentionCase {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::uint32_t> keys;
  int heads = 1, width = 64;  // of a head
  int reach = 0;              // 0 = no bias
  double dropout = 0;
  PhiloxKey key{0x1234, 0xabcd};
  std::uint32_t step = 7;

  std::size_t rows() const { return static_cast<std::size_t>(offsets.back()); }
  std::size_t columns() const { return static_cast<std::size_t>(heads) * static_cast<std::size_t>(width); }
  std::size_t span() const { return static_cast<std::size_t>(2 * reach - 1); }
  std::uint32_t threshold() const { return static_cast<std::uint32_t>(std::lround(dropout * 65536)); }
  float keep_scale() const { return static_cast<float>(65536.0 / (65536.0 - threshold())); }
};

struct AttentionInputs {
  std::vector<double> qkv, gate, table,
      up;  // rows x 3D, rows x heads, heads x (2 * reach - 1), rows x D: gradient of the output
};

// A result and the bound of a kernel's error, element by element.
struct Bounded {
  std::vector<double> value, bound;
  explicit Bounded(std::size_t n = 0) : value(n), bound(n) {}
  void add(std::size_t at, double x, double error) {
    value[at] += x;
    bound[at] += error;
  }
};

struct AttentionResult {
  Bounded out, log_sum, d_qkv, d_gate, d_table;
};

// `unit` is the rounding of the operands' type: 2^-8 for bfloat16, 0 for float32, whose roundings are counted anyway.
inline AttentionResult reference_attention(const AttentionCase& c, const AttentionInputs& in, double unit) {
  // Of a float32 sum of up to 200 like terms, or of an approximate exponential: both are of this order.
  constexpr double kFloat = 0x1p-20;
  const std::size_t rows = c.rows(), all = c.columns(), heads = static_cast<std::size_t>(c.heads);
  const auto width = static_cast<std::size_t>(c.width);
  const bool biased = c.reach > 0;
  const double scale = 1 / std::sqrt(static_cast<double>(c.width)), keep_scale = c.keep_scale();
  AttentionResult r;
  r.out = Bounded(rows * all);
  r.log_sum = Bounded(heads * rows);
  r.d_qkv = Bounded(rows * 3 * all);
  if (biased) r.d_gate = Bounded(rows * heads), r.d_table = Bounded(heads * c.span());
  const auto q = [&](std::size_t i, std::size_t h, std::size_t d) { return (i * 3) * all + h * width + d; };
  const auto k = [&](std::size_t i, std::size_t h, std::size_t d) { return (i * 3 + 1) * all + h * width + d; };
  const auto v = [&](std::size_t i, std::size_t h, std::size_t d) { return (i * 3 + 2) * all + h * width + d; };

  for (std::size_t b = 0; b + 1 < c.offsets.size(); ++b) {
    const auto first = static_cast<std::size_t>(c.offsets[b]), frames = static_cast<std::size_t>(c.offsets[b + 1]) - first;
    for (std::size_t h = 0; h < heads; ++h) {
      AttentionExtras extras;  // whose draws are the CPU kernel's own
      extras.drop_threshold = c.threshold();
      extras.keep_scale = 1;
      extras.key = c.key;
      extras.step = c.step;
      extras.utterance = c.keys[b];
      extras.head = static_cast<std::uint32_t>(h);
      std::vector<float> kept((frames + 127) / 128 * 128, 1.0f);
      std::vector<double> p(frames), bias(frames), dp(frames), dp_error(frames);
      for (std::size_t i = first; i < first + frames; ++i) {
        if (extras.drop_threshold != 0) {
          attention_keep(extras, static_cast<std::int64_t>(i - first), static_cast<std::int64_t>(frames), kept.data());
        }
        const auto entry = [&](std::size_t j) {
          return h * c.span() + static_cast<std::size_t>(c.reach) - 1 + (first + j) - i;
        };
        double peak = -INFINITY, score_error = 0;
        for (std::size_t j = 0; j < frames; ++j) {
          double sum = 0, size = 0;
          for (std::size_t d = 0; d < width; ++d) {
            const double product = in.qkv[q(i, h, d)] * in.qkv[k(first + j, h, d)];
            sum += product;
            size += std::abs(product);
          }
          bias[j] = biased ? in.table[entry(j)] : 0;
          const double push = biased ? in.gate[i * heads + h] * bias[j] : 0;
          p[j] = sum * scale + push;
          peak = std::max(peak, p[j]);
          score_error = std::max(score_error, 0x1p-22 * (size * scale + std::abs(push)));
        }
        double total = 0;
        for (double& x : p) total += x = std::exp(x - peak);
        for (double& x : p) x /= total;
        // Of every weight of the row, relative: its score's error, the sum's, and two exponentials'.
        const double weight_error = 2 * score_error + 4 * kFloat;
        r.log_sum.add(h * rows + i, peak + std::log(total), weight_error + kFloat * std::abs(peak + std::log(total)));

        double delta = 0, delta_error = 0;
        for (std::size_t d = 0; d < width; ++d) {
          double sum = 0, size = 0;
          for (std::size_t j = 0; j < frames; ++j) {
            const double term = p[j] * kept[j] * keep_scale * in.qkv[v(first + j, h, d)];
            sum += term;
            size += std::abs(term);
          }
          const double error = size * (weight_error + unit + kFloat) + unit * std::abs(sum);
          r.out.add(i * all + h * width + d, sum, error);
          const double up = in.up[i * all + h * width + d];
          delta += up * sum;
          delta_error += std::abs(up) * (error + kFloat * std::abs(sum));
        }
        for (std::size_t j = 0; j < frames; ++j) {
          double sum = 0, size = 0;
          for (std::size_t d = 0; d < width; ++d) {
            const double product = in.up[i * all + h * width + d] * in.qkv[v(first + j, h, d)];
            sum += product;
            size += std::abs(product);
          }
          const double factor = kept[j] * keep_scale;
          const double slope = p[j] * (factor * sum - delta);
          const double error = std::abs(slope) * weight_error + p[j] * (delta_error + factor * kFloat * size);
          const double rounded = error + (unit + kFloat) * std::abs(slope);
          for (std::size_t d = 0; d < width; ++d) {
            const double up = in.up[i * all + h * width + d], weight = p[j] * factor;
            const double key = in.qkv[k(first + j, h, d)], query = in.qkv[q(i, h, d)];
            r.d_qkv.add(v(first + j, h, d), weight * up, weight * std::abs(up) * (weight_error + unit + kFloat));
            r.d_qkv.add(q(i, h, d), scale * slope * key, scale * rounded * std::abs(key));
            r.d_qkv.add(k(first + j, h, d), scale * slope * query, scale * rounded * std::abs(query));
          }
          if (!biased) continue;
          const double gate = in.gate[i * heads + h];
          const double sums = error + kFloat * std::abs(slope);
          r.d_gate.add(i * heads + h, slope * bias[j], sums * std::abs(bias[j]));
          r.d_table.add(entry(j), slope * gate, sums * std::abs(gate));
        }
      }
    }
  }
  for (std::size_t x = 0; x < r.d_qkv.value.size(); ++x) r.d_qkv.bound[x] += unit * std::abs(r.d_qkv.value[x]);
  return r;
}

}  // namespace ser::test
