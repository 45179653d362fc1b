// Each optimizer's update, weight by weight, within 1e-6 of float64.
#include "nn_fixtures.hpp"
#include "nn_reference.hpp"

#include "nn/cpu/kernels/elementwise.hpp"
#include "nn/optimizer.hpp"

#include <algorithm>
#include <iterator>

using namespace millrace;
using namespace millrace::nn_test;

namespace {

/// Steps both from the same weights, so that the differences of weights do not add up; each keeps a state of its own. Returns
/// the worst difference of a weight after a step.
double worst_step(const OptimizerSpec& spec, std::int64_t count) {
  const nn::Optimizer optimizer(spec);
  ReferenceOptimizer reference(spec);
  std::vector<float> w = uniform_values(count, "weights", -1, 1);
  std::vector<std::vector<float>> state;
  for (const float start : optimizer.initial_state()) state.emplace_back(w.size(), start);
  Doubles expected = to_doubles(w);
  double worst = 0;
  for (std::uint64_t t = 1; t <= 10; ++t) {
    const std::vector<float> g = uniform_values(count, t % 2 ? "odd" : "even", -0.5F, 0.5F);
    expected = to_doubles(w);
    cpu::UpdateArrays arrays{w.data(), g.data(), {}};
    for (std::size_t i = 0; i < state.size(); ++i) arrays.state[i] = state[i].data();
    reference.step(expected, to_doubles(g));
    cpu::apply_update(optimizer.rule(), optimizer.coefficients(t), count, arrays);
    for (std::size_t i = 0; i < w.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(w[i]) - expected[i]));
  }
  return worst;
}

}  // namespace

TEST_CASE("each step of each optimizer is within 1e-6 of float64") {
  const auto value = GENERATE(from_range(optimizers_to_step()));
  const auto count = GENERATE(1, 15, 16, 17, 1000);
  CAPTURE(value.render(), count);
  CHECK(worst_step(optimizer_of(value), count) < 1e-6);
}

TEST_CASE("epsilon stands inside the root of rmsprop") {
  const nn::Optimizer optimizer(optimizer_of(one("rmsprop")));
  float w = 0, mean_square = 0;
  optimizer.coefficients(1).as<nn::RmsProp::Plain>().apply(w, 1e-5F, mean_square);
  // sqrt(0.1 * 1e-10 + 1e-7); outside the root it would be 3.3e-6
  CHECK(static_cast<double>(w) == Catch::Approx(-1e-3 * 1e-5 / std::sqrt(1e-11 + 1e-7)).epsilon(1e-5));
}

TEST_CASE("adagrad's sum of squares starts at a tenth, as Keras's does") {
  const nn::Optimizer optimizer(optimizer_of(one("adagrad")));
  REQUIRE(optimizer.initial_state() == std::vector<float>{0.1F});
  float w = 1, sum = optimizer.initial_state()[0];
  const nn::Adagrad::Rule rule = optimizer.coefficients(1).as<nn::Adagrad::Rule>();
  rule.apply(w, 0.3F, sum);  // 0.1 + 0.09; 1 - 0.001 * 0.3 / sqrt(0.19 + 1e-7)
  CHECK(sum == Catch::Approx(0.19F));
  CHECK(static_cast<double>(w) == Catch::Approx(0.9993117529).epsilon(1e-7));
  rule.apply(w, -0.4F, sum);  // 0.19 + 0.16; + 0.001 * 0.4 / sqrt(0.35 + 1e-7)
  CHECK(sum == Catch::Approx(0.35F));
  CHECK(static_cast<double>(w) == Catch::Approx(0.9999878764).epsilon(1e-7));
}

TEST_CASE("every optimizer is stepped and trained against float64") {
  const ParamType type = optimizer_param_type();
  for (const auto& values : {optimizers_to_step(), optimizers_to_train()})
    for (const Alternative& optimizer : type.alternatives()) {
      CAPTURE(optimizer.name);
      CHECK(std::any_of(values.begin(), values.end(),
                        [&](const ParamValue& value) { return value.alternative() == optimizer.name; }));
    }
}

TEST_CASE("what a spec leaves out has the descriptor's default") {
  const ParamType type = optimizer_param_type();
  for (const Alternative& optimizer : type.alternatives()) {
    CAPTURE(optimizer.name);
    const nn::Optimizer bare(OptimizerSpec{optimizer.name, {}}), complete(optimizer_of(one(optimizer.name.c_str())));
    CHECK(bare.rule() == complete.rule());
    CHECK(bare.initial_state() == complete.initial_state());
    const nn::Coefficients a = bare.coefficients(3), b = complete.coefficients(3);
    CHECK(std::equal(std::begin(a.values), std::end(a.values), std::begin(b.values)));
  }
}

TEST_CASE("an optimizer that does not exist is refused") {
  try {
    const nn::Optimizer optimizer(OptimizerSpec{"magic", {}});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.name() == "unknown-optimizer");
  }
}

TEST_CASE("sums over columns take the rows in order, for any number of columns") {
  const auto columns = GENERATE(1, 63, 64, 65, 200);
  const std::vector<float> values = uniform_values(50 * columns, "columns", -1, 1);
  std::vector<float> sums(static_cast<std::size_t>(columns));
  cpu::sum_columns(values.data(), 50, columns, columns, sums.data());
  for (std::size_t j = 0; j < sums.size(); ++j) {
    float expected = 0;
    for (std::size_t i = 0; i < 50; ++i) expected += values[i * static_cast<std::size_t>(columns) + j];
    CHECK(sums[j] == expected);
  }
}
