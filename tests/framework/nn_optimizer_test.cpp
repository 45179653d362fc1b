// Each optimizer's update, weight by weight, within 1e-6 of float64.
#include "nn_fixtures.hpp"
#include "nn_reference.hpp"

#include "nn/cpu/kernels/elementwise.hpp"
#include "nn/optimizer.hpp"

using namespace millrace;
using namespace millrace::nn_test;

namespace {

/// Steps both from the same state, so that each single step is compared; returns the worst difference of a weight.
double worst_step(const OptimizerSpec& spec, std::int64_t count) {
  const nn::Optimizer optimizer(spec);
  ReferenceOptimizer reference(spec);
  std::vector<float> w = uniform_values(count, "weights", -1, 1), first(w.size()), second(w.size());
  Doubles expected = to_doubles(w);
  double worst = 0;
  for (std::uint64_t t = 1; t <= 10; ++t) {
    const std::vector<float> g = uniform_values(count, t % 2 ? "odd" : "even", -0.5F, 0.5F);
    expected = to_doubles(w);
    cpu::UpdateArrays arrays{w.data(), g.data(), {nullptr, nullptr}};
    if (optimizer.state_slots() > 0) arrays.state[0] = first.data();
    if (optimizer.state_slots() > 1) arrays.state[1] = second.data();
    reference.step(expected, to_doubles(g));
    cpu::update(optimizer.rule(), optimizer.constants(t), count, arrays);
    for (std::size_t i = 0; i < w.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(w[i]) - expected[i]));
  }
  return worst;
}

}  // namespace

TEST_CASE("each step of each optimizer is within 1e-6 of float64") {
  const auto value = GENERATE(as<ParamValue>{}, one("sgd"), one("sgd", {{"momentum", 0.9}}),
                              one("sgd", {{"momentum", 0.9}, {"nesterov", true}}), one("rmsprop"),
                              one("rmsprop", {{"momentum", 0.9}, {"rho", 0.8}}), one("adam"),
                              one("adam", {{"learning_rate", 0.01}, {"beta_1", 0.5}, {"epsilon", 1e-3}}));
  const auto count = GENERATE(1, 15, 16, 17, 1000);
  CAPTURE(value.render(), count);
  CHECK(worst_step(optimizer_of(value), count) < 1e-6);
}

TEST_CASE("epsilon stands inside the root of rmsprop") {
  math::UpdateConstants c = nn::Optimizer(optimizer_of(one("rmsprop"))).constants(1);
  float w = 0, mean_square = 0;
  math::rmsprop(w, 1e-5F, mean_square, c);
  // sqrt(0.1 * 1e-10 + 1e-7); outside the root it would be 3.3e-6
  CHECK(static_cast<double>(w) == Catch::Approx(-1e-3 * 1e-5 / std::sqrt(1e-11 + 1e-7)).epsilon(1e-5));
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
