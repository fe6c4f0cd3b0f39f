// The multi-loss kernel: values and gradients against the reference in double, in one launch and in four, under several orders of
// threads; odd sizes, batches with and without positives, soft labels, terms switched off.
#include <cstring>
#include <random>

#include "loss/multi/multi_loss.cu"
#include "test/check.h"
#include "test/cuda/finite_differences.h"
#include "test/cuda/multi_loss_reference.h"
#include "test/emulator/emulator.h"

namespace {

using ser::test::LossCase;
using ser::test::LossGradients;
using ser::test::LossValues;

struct Shape {
  int batch, classes, embedding_columns, contrast_columns;
};

// All values are floats, so that the reference sees what the kernel sees. Every other row has a soft label, some of them a tie.
LossCase make_case(const Shape& shape, std::uint64_t seed) {
  std::mt19937_64 random(seed * 7919 + static_cast<std::uint64_t>(shape.batch));
  std::normal_distribution<double> normal;
  LossCase in;
  in.batch = shape.batch;
  in.classes = shape.classes;
  in.embedding_columns = shape.embedding_columns;
  in.contrast_columns = shape.contrast_columns;
  const auto fill = [&](std::vector<double>& to, int rows, int columns, double spread) {
    to.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
    for (double& v : to) v = static_cast<float>(normal(random) * spread);
  };
  const double width = std::sqrt(shape.embedding_columns);
  fill(in.logits, shape.batch, shape.classes, 2);
  fill(in.embedding, shape.batch, shape.embedding_columns, 1 / width);
  fill(in.contrast, shape.batch, shape.contrast_columns, 1);
  fill(in.centers, shape.classes, shape.embedding_columns, 1 / width);
  in.labels.resize(in.logits.size());
  for (int i = 0; i < shape.batch; ++i) {
    const int base = static_cast<int>(random() % static_cast<unsigned>(shape.classes));
    double* y = &in.labels[static_cast<std::size_t>(i) * static_cast<std::size_t>(shape.classes)];
    const double lambda = i % 2 == 1 ? 0 : i % 4 == 0 ? 0.5 : static_cast<float>(0.2);
    y[base] = 1 - lambda;
    y[(base + shape.classes - 1) % shape.classes] += lambda;
    in.base.push_back(base);
  }
  return in;
}

std::vector<float> narrow(const std::vector<double>& values) { return {values.begin(), values.end()}; }

struct Found {
  double total = NAN, components[8];
  std::vector<float> logits, embedding, contrast, centers;
  std::uint64_t launches = 0;

  bool operator==(const Found& other) const {
    const auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
      return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
    };
    return std::memcmp(&total, &other.total, sizeof total) == 0 &&
           std::memcmp(components, other.components, sizeof components) == 0 && same(logits, other.logits) &&
           same(embedding, other.embedding) && same(contrast, other.contrast) && same(centers, other.centers);
  }
};

Found run_kernel(const LossCase& in, std::uint64_t seed) {
  const std::vector<float> logits = narrow(in.logits), embedding = narrow(in.embedding), contrast = narrow(in.contrast),
                           labels = narrow(in.labels), centers = narrow(in.centers), weights = narrow(in.class_weights);
  const bool has_contrast = in.contrast_columns > 0;
  Found out;
  std::fill(out.components, out.components + 8, NAN);
  for (const auto& [to, from] : {std::pair{&out.logits, &logits}, std::pair{&out.embedding, &embedding},
                                 std::pair{&out.contrast, &contrast}, std::pair{&out.centers, &centers}}) {
    to->assign(from->size(), NAN);
  }
  std::vector<float> workspace(ser::cuda::multi_loss_workspace(in.batch), NAN);
  const ser::cuda::MultiLossProblem problem{logits.data(),
                                            embedding.data(),
                                            has_contrast ? contrast.data() : nullptr,
                                            labels.data(),
                                            in.base.data(),
                                            centers.data(),
                                            weights.empty() ? nullptr : weights.data(),
                                            in.batch,
                                            in.classes,
                                            in.embedding_columns,
                                            in.contrast_columns,
                                            in.weights[0],
                                            in.weights[1],
                                            in.weights[2],
                                            in.weights[3],
                                            in.gamma,
                                            in.temperature};
  const ser::cuda::MultiLossResult result{
      &out.total,        out.components, out.logits.data(), out.embedding.data(), has_contrast ? out.contrast.data() : nullptr,
      out.centers.data()};
  ser::emulator::set_seed(seed);
  const std::uint64_t before = ser::emulator::counters().launches;
  ser::cuda::multi_loss_forward(problem, result, workspace.data(), nullptr);
  out.launches = ser::emulator::counters().launches - before;
  return out;
}

// Largest difference as a share of the largest value; of values that are all near 0, the difference itself.
double error(const std::vector<float>& found, const std::vector<double>& expected) {
  double most = 0, scale = 0;
  for (const double v : expected) scale = std::max(scale, std::abs(v));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(found[i] - expected[i]) / (scale > 1e-6 ? scale : 1);
    if (!(difference <= most)) most = difference;
  }
  return most;
}

double value_error(const Found& found, const LossValues& expected) {
  double most = std::abs(found.total - expected.total) / std::max(1.0, std::abs(expected.total));
  for (int k = 0; k < 8; ++k) {
    const double difference =
        std::abs(found.components[k] - expected.components[k]) / std::max(1.0, std::abs(expected.components[k]));
    if (!(difference <= most)) most = difference;
  }
  return most;
}

void against_reference(const LossCase& in, const std::string& what, int others = 1) {
  LossGradients expected;
  const LossValues values = ser::test::multi_loss_in_double(in, &expected);
  const Found found = run_kernel(in, 1);
  const std::string name = what + ", " + std::to_string(in.batch) + " x (" + std::to_string(in.classes) + ", " +
                           std::to_string(in.embedding_columns) + ", " + std::to_string(in.contrast_columns) + ")";
  SER_CHECK_WITHIN(value_error(found, values), 1e-6, name + ": values");
  const double gradients = std::max({error(found.logits, expected.logits), error(found.embedding, expected.embedding),
                                     error(found.contrast, expected.contrast), error(found.centers, expected.centers)});
  SER_CHECK_WITHIN(gradients, 2e-6, name + ": gradients");
  bool same = true;
  for (int more = 0; more < others; ++more) same = same && run_kernel(in, static_cast<std::uint64_t>(2 * more)) == found;
  const std::uint64_t launches = in.batch <= 256 ? 1 : in.contrast_columns > 0 ? 4 : 3;
  SER_CHECK(same && found.launches == launches,
            name + ": the same bits in other orders of threads, launches: " + std::to_string(found.launches));
}

// The reference's gradient against central differences of its total.
void reference_holds() {
  LossCase in = make_case({7, 3, 4, 5}, 1);
  in.class_weights = {0.5, 0, 2.5};
  in.weights[1] = 0.7;
  in.gamma = 1.5;
  LossGradients expected;
  ser::test::multi_loss_in_double(in, &expected);
  double most = 0;
  const auto differ = [&](std::vector<double>& input, const std::vector<double>& gradient) {
    const auto loss = [&] { return ser::test::multi_loss_in_double(in, nullptr).total; };
    most = ser::test::worse(most, ser::test::error_of_gradient(input, gradient, loss));
  };
  differ(in.logits, expected.logits);
  differ(in.embedding, expected.embedding);
  differ(in.contrast, expected.contrast);
  differ(in.centers, expected.centers);
  SER_CHECK_WITHIN(most, 1e-8, "the reference's gradients against central differences");
}

void small_sizes() {
  against_reference(make_case({1, 2, 1, 1}, 2), "one row");
  against_reference(make_case({2, 4, 6, 6}, 2), "two rows");
  against_reference(make_case({3, 4, 7, 9}, 2), "three rows");
  against_reference(make_case({31, 5, 33, 65}, 2), "odd sizes", 3);
  against_reference(make_case({32, 8, 64, 64}, 2), "the usual size", 2);
  against_reference(make_case({9, 9, 1024, 31}, 2), "most columns of the embedding");
  against_reference(make_case({66, 63, 5, 3}, 2), "many classes", 2);
}

void large_sizes() {
  against_reference(make_case({33, 64, 129, 1024}, 2), "most columns of SupCon");
  against_reference(make_case({257, 4, 5, 9}, 2), "above the limit");
  against_reference(make_case({300, 64, 9, 35}, 2), "above the limit, many classes");
  against_reference(make_case({255, 3, 5, 7}, 2), "near the limit", 0);
  against_reference(make_case({256, 2, 3, 33}, 2), "the limit of one launch");
}

void options() {
  const auto with = [](int batch, const std::function<void(LossCase&)>& change, const std::string& what) {
    LossCase in = make_case({batch, 4, 6, 5}, 3);
    change(in);
    against_reference(in, what, batch > 256 ? 0 : 1);
    return in;
  };
  for (int k = 0; k < 4; ++k) {
    for (const int batch : {10, 258}) {
      if (batch > 256 && k < 2) continue;
      const LossCase in =
          with(batch, [k](LossCase& c) { c.weights[k] = 0; }, "term " + std::to_string(k + 1) + " switched off");
      const Found found = run_kernel(in, 4);
      const auto zero = [](const std::vector<float>& values) {
        return std::all_of(values.begin(), values.end(), [](float v) { return v == 0; });
      };
      if (k == 2) SER_CHECK(zero(found.embedding) && zero(found.centers), "no weight, no gradient: center");
      if (k == 3) SER_CHECK(zero(found.contrast), "no weight, no gradient: SupCon");
    }
  }
  with(16, [](LossCase& c) { c.weights[0] = c.weights[1] = 0; }, "neither KL nor focal");
  with(16, [](LossCase& c) { std::fill(c.weights, c.weights + 4, 0.0); }, "nothing at all");
  with(
      16,
      [](LossCase& c) {
        const double weights[] = {0.3, 2, 0.7, 1.5};
        std::copy(weights, weights + 4, c.weights);
      },
      "uneven weights");
  for (const double gamma : {0.0, 0.5, 1.0, 3.0})
    with(12, [&](LossCase& c) { c.gamma = gamma; }, "gamma " + ser::test::figure(gamma));
  with(20, [](LossCase& c) { c.temperature = 1; }, "temperature 1");
  with(20, [](LossCase& c) { c.class_weights = {0.5, 0, 2.5, 1}; }, "class weights");
  for (const int batch : {16, 257}) {
    with(
        batch,
        [](LossCase& c) {
          c.contrast.clear();
          c.contrast_columns = 0;
        },
        "no contrast");
  }
}

// Labels that are wholly those of `classes` by turns.
void set_labels(LossCase& in, const std::vector<int>& classes) {
  std::fill(in.labels.begin(), in.labels.end(), 0.0);
  for (int i = 0; i < in.batch; ++i) {
    in.base[static_cast<std::size_t>(i)] = classes[static_cast<std::size_t>(i) % classes.size()];
    in.labels[static_cast<std::size_t>(i * in.classes + classes[static_cast<std::size_t>(i) % classes.size()])] = 1;
  }
}

void positives() {
  LossCase lonely = make_case({5, 6, 4, 4}, 5);
  set_labels(lonely, {0, 1, 2, 3, 4});
  against_reference(lonely, "no positives", 1);
  const Found none = run_kernel(lonely, 6);
  SER_CHECK(none.components[3] == 0 && none.components[7] == 0, "no positives: SupCon is 0");

  LossCase some = make_case({35, 40, 4, 4}, 5);
  std::vector<int> classes(35);
  for (int i = 0; i < 35; ++i) classes[static_cast<std::size_t>(i)] = i < 30 ? i : 33;
  set_labels(some, classes);
  against_reference(some, "most rows without a positive", 1);

  LossCase alike = make_case({70, 3, 4, 4}, 5);
  set_labels(alike, {1});
  against_reference(alike, "one class only", 1);
}

void extremes() {
  LossCase sure = make_case({6, 3, 3, 3}, 7);
  for (int i = 0; i < 6; ++i) {
    for (int c = 0; c < 3; ++c) sure.logits[static_cast<std::size_t>(3 * i + c)] = c == i % 3 ? 90 : -90;
  }
  sure.gamma = 0.5;
  const Found found = run_kernel(sure, 1);
  const bool finite = std::isfinite(found.total) &&
                      std::all_of(found.logits.begin(), found.logits.end(), [](float v) { return std::isfinite(v); });
  SER_CHECK(finite, "logits of +-90 and gamma 0.5 stay finite");

  LossCase flat = make_case({6, 3, 3, 3}, 8);
  for (int d = 0; d < 3; ++d) flat.contrast[static_cast<std::size_t>(d)] = 0;
  const Found zero = run_kernel(flat, 1);
  SER_CHECK(std::all_of(zero.contrast.begin(), zero.contrast.end(), [](float v) { return std::isfinite(v); }),
            "a row of zeros has a finite gradient");

  LossCase sharp = make_case({40, 4, 3, 6}, 9);
  sharp.temperature = 0.01;
  LossGradients expected;
  const LossValues values = ser::test::multi_loss_in_double(sharp, &expected);
  const Found cold = run_kernel(sharp, 1);
  SER_CHECK_WITHIN(value_error(cold, values), 1e-5, "temperature 0.01: values");
  SER_CHECK_WITHIN(error(cold.contrast, expected.contrast), 3e-5, "temperature 0.01: gradient");

  LossCase stray = make_case({5, 4, 3, 3}, 10);
  LossCase plain = stray;
  for (int i = 0; i < 5; ++i) {
    const double* y = &stray.labels[static_cast<std::size_t>(4 * i)];
    plain.base[static_cast<std::size_t>(i)] = std::max_element(y, y + 4) - y;
    stray.base[static_cast<std::size_t>(i)] = i % 2 == 0 ? -1 : 4;
  }
  SER_CHECK(run_kernel(stray, 1) == run_kernel(plain, 1), "a base class that is none: the first class of largest label");
}

void backward() {
  for (const int count : {1, 3, 4, 31, 4096, 5003}) {
    std::vector<float> saved(static_cast<std::size_t>(count)), out(saved.size(), NAN);
    for (std::size_t i = 0; i < saved.size(); ++i) saved[i] = static_cast<float>(i) - 100;
    const double upstream = 0.3;
    ser::emulator::set_seed(2);
    const std::uint64_t before = ser::emulator::counters().launches;
    ser::cuda::multi_loss_backward(saved.data(), &upstream, out.data(), count, nullptr);
    bool right = ser::emulator::counters().launches - before == 1;
    for (std::size_t i = 0; i < saved.size(); ++i) right = right && out[i] == saved[i] * static_cast<float>(upstream);
    SER_CHECK(right, "backward: one launch scales " + std::to_string(count) + " values");
  }
}

}  // namespace

int main() {
  reference_holds();
  small_sizes();
  options();
  positives();
  extremes();
  backward();
  large_sizes();
  return ser::test::finish("multi_loss_kernel_test");
}
