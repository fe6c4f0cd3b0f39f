#include <algorithm>
#include <cmath>

#include "head/flam.h"

namespace ser {

FlamReference flam_reference(const std::vector<double>& frames, const std::vector<std::int64_t>& lengths, std::int64_t width,
                             std::int64_t heads, const std::vector<double>& input_weight, const std::vector<double>& input_bias,
                             const std::vector<double>& output_weight, const std::vector<double>& output_bias,
                             const std::vector<double>& score) {
  FlamReference out;
  const std::int64_t head_width = width / heads;
  std::int64_t first = 0;
  for (const std::int64_t length : lengths) {
    const double* f = frames.data() + first * width;
    std::vector<double> qkv(static_cast<std::size_t>(length * 3 * width));
    for (std::int64_t t = 0; t < length; ++t) {
      for (std::int64_t r = 0; r < 3 * width; ++r) {
        double sum = input_bias[r];
        for (std::int64_t d = 0; d < width; ++d) sum += input_weight[r * width + d] * f[t * width + d];
        qkv[t * 3 * width + r] = sum;
      }
    }
    std::vector<double> attended(static_cast<std::size_t>(length * width), 0.0), row(static_cast<std::size_t>(length));
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t i = 0; i < length; ++i) {
        double most = -INFINITY, total = 0;
        for (std::int64_t j = 0; j < length; ++j) {
          double dot = 0;
          for (std::int64_t d = 0; d < head_width; ++d) {
            dot += qkv[i * 3 * width + h * head_width + d] * qkv[j * 3 * width + width + h * head_width + d];
          }
          row[j] = dot / std::sqrt(static_cast<double>(head_width));
          most = std::max(most, row[j]);
        }
        for (std::int64_t j = 0; j < length; ++j) total += row[j] = std::exp(row[j] - most);
        for (std::int64_t j = 0; j < length; ++j) {
          for (std::int64_t d = 0; d < head_width; ++d) {
            attended[i * width + h * head_width + d] += row[j] / total * qkv[j * 3 * width + 2 * width + h * head_width + d];
          }
        }
      }
    }
    std::vector<double> hidden(static_cast<std::size_t>(length * width)), weight(static_cast<std::size_t>(length));
    double most = -INFINITY, total = 0;
    for (std::int64_t t = 0; t < length; ++t) {
      double dot = 0;
      for (std::int64_t d = 0; d < width; ++d) {
        double sum = f[t * width + d] + output_bias[d];
        for (std::int64_t e = 0; e < width; ++e) sum += output_weight[d * width + e] * attended[t * width + e];
        hidden[t * width + d] = sum;
        dot += sum * score[d];
      }
      weight[t] = dot;
      most = std::max(most, dot);
    }
    for (std::int64_t t = 0; t < length; ++t) total += weight[t] = std::exp(weight[t] - most);
    std::vector<double> pooled(static_cast<std::size_t>(width), 0.0);
    for (std::int64_t t = 0; t < length; ++t) {
      weight[t] /= total;
      for (std::int64_t d = 0; d < width; ++d) pooled[d] += weight[t] * hidden[t * width + d];
    }
    out.pooled.insert(out.pooled.end(), pooled.begin(), pooled.end());
    out.weights.insert(out.weights.end(), weight.begin(), weight.end());
    first += length;
  }
  return out;
}

}  // namespace ser
