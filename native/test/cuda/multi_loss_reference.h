// The multi-loss in double precision, as plain loops over rows: values, and gradients that multi_loss_kernel_test.cc holds against
// finite differences of the values before it holds the kernel against them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace ser::test {

struct LossCase {
  int batch = 1, classes = 2, embedding_columns = 1, contrast_columns = 1;  // contrast_columns 0 = no SupCon term
  double weights[4] = {1, 1, 1, 1};                                         // KL, focal, center, SupCon
  double gamma = 2, temperature = 0.1;
  std::vector<double> logits, embedding, contrast, labels, centers, class_weights;
  std::vector<std::int64_t> base;
};

struct LossValues {
  double total = 0, components[8] = {};
};

struct LossGradients {
  std::vector<double> logits, embedding, contrast, centers;
};

inline int dominant_class(const LossCase& in, int i) {
  const double* y = &in.labels[static_cast<std::size_t>(i) * in.classes];
  const double* largest = std::max_element(y, y + in.classes);
  return y[in.base[i]] == *largest ? static_cast<int>(in.base[i]) : static_cast<int>(largest - y);
}

inline double row_weight(const LossCase& in, int i) {
  if (in.class_weights.empty()) return 1;
  double sum = 0;
  for (int c = 0; c < in.classes; ++c) sum += in.labels[static_cast<std::size_t>(i) * in.classes + c] * in.class_weights[c];
  return sum;
}

// log p of a row.
inline std::vector<double> log_softmax(const double* x, int count) {
  const double most = *std::max_element(x, x + count);
  double sum = 0;
  for (int c = 0; c < count; ++c) sum += std::exp(x[c] - most);
  std::vector<double> out(x, x + count);
  for (double& v : out) v -= most + std::log(sum);
  return out;
}

inline double norm_of(const LossCase& in, int i) {
  double sum = 0;
  for (int d = 0; d < in.contrast_columns; ++d)
    sum += std::pow(in.contrast[static_cast<std::size_t>(i) * in.contrast_columns + d], 2);
  return std::max(std::sqrt(sum), 1e-12);
}

// s_ij for all j, of unit rows.
inline std::vector<double> similarity_row(const LossCase& in, const std::vector<double>& unit, int i) {
  std::vector<double> s(in.batch);
  const std::size_t columns = in.contrast_columns;
  for (int j = 0; j < in.batch; ++j) {
    for (std::size_t d = 0; d < columns; ++d) s[j] += unit[i * columns + d] * unit[j * columns + d] / in.temperature;
  }
  return s;
}

inline std::vector<double> unit_rows(const LossCase& in) {
  std::vector<double> unit = in.contrast;
  for (std::size_t k = 0; k < unit.size(); ++k) unit[k] /= norm_of(in, static_cast<int>(k) / in.contrast_columns);
  return unit;
}

struct Anchor {
  double lse = 0, loss = 0;
  int positives = 0;
};

inline Anchor anchor_of(const LossCase& in, const std::vector<double>& s, int i) {
  Anchor anchor;
  double most = -INFINITY, sum = 0, positive = 0;
  for (int j = 0; j < in.batch; ++j) {
    if (j != i) most = std::max(most, s[j]);
  }
  for (int j = 0; j < in.batch; ++j) {
    if (j == i) continue;
    sum += std::exp(s[j] - most);
    if (dominant_class(in, j) != dominant_class(in, i)) continue;
    positive += s[j];
    ++anchor.positives;
  }
  anchor.lse = most + std::log(sum);
  if (anchor.positives > 0) anchor.loss = anchor.lse - positive / anchor.positives;
  return anchor;
}

inline double by_classes(const LossCase& in) { return in.classes > 1 ? 1 / std::log(in.classes) : 0; }
inline double by_batch(const LossCase& in) { return in.batch > 2 ? 1 / std::log(in.batch - 1) : 0; }

// `gradients` where it is not null.
inline LossValues multi_loss_in_double(const LossCase& in, LossGradients* gradients) {
  const std::size_t classes = in.classes, width = in.embedding_columns, columns = in.contrast_columns;
  LossValues out;
  LossGradients g{std::vector<double>(in.logits.size()), std::vector<double>(in.embedding.size()),
                  std::vector<double>(in.contrast.size()), std::vector<double>(in.centers.size())};
  double* raw = out.components;
  for (int i = 0; i < in.batch; ++i) {
    const double w = row_weight(in, i) / in.batch;
    const double* y = &in.labels[i * classes];
    const std::vector<double> log_p = log_softmax(&in.logits[i * classes], in.classes);
    for (std::size_t c = 0; c < classes; ++c) {
      const double p = std::exp(log_p[c]), q = -std::expm1(log_p[c]);
      raw[0] += w * ((y[c] > 0 ? y[c] * std::log(y[c]) : 0) - y[c] * log_p[c]);
      raw[1] -= w * y[c] * std::pow(q, in.gamma) * log_p[c];
      // The two terms' derivatives for log p_c, then of log p_c for each logit.
      const double inner = in.gamma == 0 ? 0 : in.gamma * std::pow(q, in.gamma - 1) * p * log_p[c];
      const double kl = -w * y[c], focal = w * y[c] * (inner - std::pow(q, in.gamma));
      const double slope = by_classes(in) * (in.weights[0] * kl + in.weights[1] * focal);
      for (std::size_t k = 0; k < classes; ++k) g.logits[i * classes + k] += slope * ((k == c ? 1 : 0) - std::exp(log_p[k]));
    }
    for (std::size_t d = 0; d < width; ++d) {
      raw[2] += std::pow(in.embedding[i * width + d] - in.centers[dominant_class(in, i) * width + d], 2) / in.batch;
    }
  }
  for (int i = 0; i < in.batch; ++i) {
    for (std::size_t d = 0; d < width; ++d) {
      const std::size_t center = dominant_class(in, i) * width + d;
      const double slope =
          2 * in.weights[2] / in.batch * (in.embedding[i * width + d] - in.centers[center]) / std::pow(1 + raw[2], 2);
      g.embedding[i * width + d] = slope;
      g.centers[center] -= slope;
    }
  }
  if (columns > 0) {
    const std::vector<double> unit = unit_rows(in);
    std::vector<double> d_unit(unit.size());
    int anchors = 0;
    for (int i = 0; i < in.batch; ++i) {
      const std::vector<double> s = similarity_row(in, unit, i);
      const Anchor anchor = anchor_of(in, s, i);
      if (anchor.positives == 0) continue;
      ++anchors;
      raw[3] += anchor.loss;
      for (int j = 0; j < in.batch; ++j) {
        if (j == i) continue;
        const bool positive = dominant_class(in, i) == dominant_class(in, j);
        const double slope = (std::exp(s[j] - anchor.lse) - (positive ? 1.0 / anchor.positives : 0)) / in.temperature;
        for (std::size_t d = 0; d < columns; ++d) {
          d_unit[i * columns + d] += slope * unit[j * columns + d];
          d_unit[j * columns + d] += slope * unit[i * columns + d];
        }
      }
    }
    raw[3] /= std::max(anchors, 1);
    const double scale = in.weights[3] * by_batch(in) / std::max(anchors, 1);
    for (int i = 0; i < in.batch; ++i) {
      const double norm = norm_of(in, i);
      double radial = 0;
      for (std::size_t d = 0; d < columns; ++d) radial += d_unit[i * columns + d] * unit[i * columns + d];
      if (norm <= 1e-12) radial = 0;
      for (std::size_t d = 0; d < columns; ++d) {
        g.contrast[i * columns + d] = scale * (d_unit[i * columns + d] - unit[i * columns + d] * radial) / norm;
      }
    }
  }
  const double scaled[4] = {raw[0] * by_classes(in), raw[1] * by_classes(in), raw[2] / (1 + raw[2]), raw[3] * by_batch(in)};
  for (int k = 0; k < 4; ++k) {
    raw[4 + k] = scaled[k];
    out.total += in.weights[k] * scaled[k];
  }
  if (gradients != nullptr) *gradients = std::move(g);
  return out;
}

}  // namespace ser::test
