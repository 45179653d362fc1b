// Formulas of activations, losses and metrics against the C library in float64, one value at a time.
#include "nn_fixtures.hpp"
#include "nn_reference.hpp"

#include "nn/activations.hpp"
#include "nn/losses.hpp"
#include "nn/math.hpp"
#include "nn/metrics.hpp"

#include <limits>

using namespace millrace;

namespace {

template <class F, class G>
double worst_relative_error(float lo, float hi, F f, G exact) {
  double worst = 0;
  for (int i = 0; i <= 200000; ++i) {
    const float x = lo + (hi - lo) * static_cast<float>(i) / 200000.0F;
    const double expected = exact(static_cast<double>(x));
    const double error = std::abs(static_cast<double>(f(x)) - expected);
    worst = std::max(worst, expected == 0 ? error : error / std::abs(expected));
  }
  return worst;
}

}  // namespace

TEST_CASE("the exponential is exact to about an ulp") {
  CHECK(worst_relative_error(-86, 86, math::exponential, [](double x) { return std::exp(x); }) < 2.5e-7);
  CHECK(math::exponential(0) == 1.0F);
  CHECK(math::exponential(-1e30F) < 1e-37F);
  CHECK(std::isfinite(math::exponential(1e30F)));
  CHECK(std::isnan(math::exponential(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("sigmoid and tanh are exact to a few ulps, also near zero and far out") {
  CHECK(worst_relative_error(-80, 80, nn::Sigmoid::value, [](double x) { return 1 / (1 + std::exp(-x)); }) < 4e-7);
  CHECK(worst_relative_error(-12, 12, nn::Tanh::value, [](double x) { return std::tanh(x); }) < 4e-7);
  CHECK(worst_relative_error(-1e-3F, 1e-3F, nn::Tanh::value, [](double x) { return std::tanh(x); }) < 4e-7);
  CHECK(nn::Tanh::value(50) == 1.0F);
  CHECK(nn::Tanh::value(-50) == -1.0F);
  CHECK(std::isnan(nn::Sigmoid::value(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(nn::Tanh::value(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(nn::Relu::value(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("cross-entropy from logits neither overflows nor underflows") {
  CHECK(nn::BinaryCrossentropy::of_logit(100, 0) == Catch::Approx(100));
  CHECK(nn::BinaryCrossentropy::of_logit(-100, 1) == Catch::Approx(100));
  CHECK(nn::BinaryCrossentropy::of_logit(100, 1) == Catch::Approx(0).margin(1e-30));
  float z[3] = {1000, 0, -1000};
  CHECK(nn::CategoricalCrossentropy::finish_row(Activation::softmax, z, 3, {nullptr, 2}) == Catch::Approx(2000));
  CHECK(z[0] == 1.0F);
}

TEST_CASE("equal outputs count as the first of them") {
  const float p[3] = {0.5F, 0.5F, 0};
  CHECK(nn::Accuracy::is_correct(p, 3, {nullptr, 0}));
  CHECK_FALSE(nn::Accuracy::is_correct(p, 3, {nullptr, 1}));
}
