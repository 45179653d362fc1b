// The gradient that the CPU step follows, against float64 and finite differences.
#include "nn_activations.hpp"
#include "nn_fixtures.hpp"
#include "nn_reference.hpp"

using namespace millrace;
using namespace millrace::nn_test;

namespace {

constexpr double kRate = 1024;  // a power of two, and large: the weights' own rounding drowns

/// Gradient of a step: plain descent by a known rate, seen from the change of the weights.
Doubles gradient_of_step(const TrainSpec& spec, const Batch& batch) {
  const auto step = make_train_step(cpu(), spec);
  const std::vector<float> before = weights_of(*step);
  step->train(batch.view());
  const std::vector<float> after = weights_of(*step);
  Doubles g(before.size());
  for (std::size_t i = 0; i < g.size(); ++i)
    g[i] = (static_cast<double>(before[i]) - static_cast<double>(after[i])) / kRate;
  return g;
}

double largest(const Doubles& values) {
  double m = 0;
  for (const double x : values) m = std::max(m, std::abs(x));
  return m;
}

double worst_difference(const Doubles& a, const Doubles& b) {
  double m = 0;
  for (std::size_t i = 0; i < a.size(); ++i) m = std::max(m, std::abs(a[i] - b[i]));
  return m;
}

void check_gradient(std::int64_t rows, std::int64_t inputs, List layers, Loss loss) {
  const auto model = model_of(inputs, std::move(layers));
  const Batch batch = random_batch(rows, inputs, model->outputs());
  const TrainSpec spec = spec_of(model, loss, one("sgd", {{"learning_rate", kRate}}), batch);
  Reference reference(*model, loss);
  const Doubles w = to_doubles(initial_weights(*model, spec.seed));
  const Doubles x = to_doubles(batch.inputs.f32()), y = to_doubles(batch.targets.f32());
  const Doubles expected = reference.gradient(w, x, y);
  const double scale = largest(expected);
  REQUIRE(scale > 0);
  CHECK(worst_difference(gradient_of_step(spec, batch), expected) < 1e-4 * scale);
  // The analytic reference is itself held to finite differences, on weights spread over all layers.
  const std::size_t stride = std::max<std::size_t>(1, w.size() / 12);
  for (std::size_t k = 0; k < w.size(); k += stride)
    CHECK(std::abs(reference.slope(w, k, x, y) - expected[k]) < 1e-5 * scale + 1e-9);
}

}  // namespace

TEST_CASE("every activation with every loss has the gradient of finite differences") {
  const std::string hidden = GENERATE(from_range(hidden_activations()));
  const std::string last = GENERATE(from_range(all_activations()));
  CAPTURE(hidden, last);
  const List layers{dense(9, hidden.c_str()), dense(5, last.c_str())};
  check_gradient(6, 7, layers, Loss::mse);
  if (last == "softmax") check_gradient(6, 7, layers, Loss::categorical_crossentropy);
  if (last == "sigmoid") check_gradient(6, 7, layers, Loss::binary_crossentropy);
}

TEST_CASE("the gradient is right for every awkward shape") {
  const auto rows = GENERATE(1, 2, 31, 32, 33, 257);
  const auto width = GENERATE(1, 2, 31, 32, 33, 257);
  CAPTURE(rows, width);
  check_gradient(rows, 33, {dense(width, "tanh"), dense(31, "relu"), dense(2, "softmax")},
                 Loss::categorical_crossentropy);
  check_gradient(rows, width, {dense(2, "sigmoid")}, Loss::binary_crossentropy);
}

TEST_CASE("the l2 penalty is in the gradient, of kernels alone") {
  check_gradient(8, 5, {dense(6, "relu", {{"l2", 0.05}}), dense(3, "softmax", {{"l2", 0.2}})},
                 Loss::categorical_crossentropy);
}

TEST_CASE("a layer without bias has the right gradient") {
  check_gradient(8, 5, {dense(6, "tanh", {{"use_bias", false}}), dense(3, "linear")}, Loss::mse);
}

TEST_CASE("targets that are no distribution have the right cross-entropy gradient") {
  // random_batch draws them freely, so they sum to anything
  check_gradient(4, 3, {dense(4, "softmax")}, Loss::categorical_crossentropy);
}

TEST_CASE("row weights scale the gradient of their rows") {
  const auto model = model_of(4, {dense(5, "tanh"), dense(3, "softmax")});
  Batch batch = random_batch(6, 4, 3);
  batch.weights = testing::rows<float>({}, std::vector<float>{1, 0, 2, 0.5, 1, 3});
  const TrainSpec spec = spec_of(model, Loss::categorical_crossentropy, one("sgd", {{"learning_rate", kRate}}), batch);
  Reference reference(*model, spec.loss);
  reference.row_weights = {1, 0, 2, 0.5, 1, 3};
  const Doubles w = to_doubles(initial_weights(*model, spec.seed));
  const Doubles expected = reference.gradient(w, to_doubles(batch.inputs.f32()), to_doubles(batch.targets.f32()));
  CHECK(worst_difference(gradient_of_step(spec, batch), expected) < 1e-4 * largest(expected));
}

TEST_CASE("the gradient passes through dropout, before, between and twice") {
  const auto model = model_of(8, {dropout(0.25), dense(12, "tanh"), dropout(0.5), dropout(0.1), dense(3, "softmax")});
  const Batch batch = random_batch(10, 8, 3);
  const TrainSpec spec = spec_of(model, Loss::categorical_crossentropy, one("sgd", {{"learning_rate", kRate}}), batch);
  Reference reference(*model, spec.loss);
  reference.masks.resize(model->layers.size());
  for (std::size_t l = 0; l < model->layers.size(); ++l) {
    const LayerSpec& layer = model->layers[l];
    if (layer.kind != LayerKind::dropout) continue;
    const Random random(spec.seed, "dropout/" + std::to_string(l));
    for (std::uint64_t row = 0; row < 10; ++row)
      for (std::uint32_t j = 0; j < static_cast<std::uint32_t>(layer.outputs); ++j) {
        const bool kept = to_unit_float(random.words(row, 1, j / 4)[j % 4]) >= layer.rate;
        reference.masks[l].push_back(kept ? 1 / (1 - static_cast<double>(layer.rate)) : 0);
      }
  }
  const Doubles w = to_doubles(initial_weights(*model, spec.seed));
  const Doubles expected = reference.gradient(w, to_doubles(batch.inputs.f32()), to_doubles(batch.targets.f32()));
  CHECK(worst_difference(gradient_of_step(spec, batch), expected) < 1e-4 * largest(expected));
}
