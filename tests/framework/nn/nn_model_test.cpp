// Descriptors of models, what build_model makes of them, and where weights start.
#include "nn_fixtures.hpp"

#include <cmath>
#include <limits>

using namespace millrace;
using namespace millrace::nn_test;

namespace {

struct Moments {
  double mean = 0, deviation = 0, largest = 0;
};

/// Of the kernel of one layer [200, 100].
Moments moments_of(const ParamValue& initializer) {
  const auto model = model_of(200, {dense(100, "linear", {{"kernel_initializer", initializer}})});
  const std::vector<float> all = initial_weights(*model, 5);
  Moments m;
  for (std::size_t i = 0; i < 20000; ++i) m.mean += static_cast<double>(all[i]) / 20000;
  for (std::size_t i = 0; i < 20000; ++i) {
    m.deviation += std::pow(static_cast<double>(all[i]) - m.mean, 2) / 20000;
    m.largest = std::max(m.largest, std::abs(static_cast<double>(all[i])));
  }
  m.deviation = std::sqrt(m.deviation);
  return m;
}

void check_moments(const char* name, double deviation, double largest) {
  CAPTURE(name);
  const Moments m = moments_of(one(name));
  CHECK(std::abs(m.mean) < 4 * deviation / std::sqrt(20000.0));
  CHECK(m.deviation == Catch::Approx(deviation).epsilon(0.03));
  CHECK(m.largest <= largest * 1.000001);
}

std::string refusal(const ParamValue& layers) {
  try {
    testing::complete_params({Param("model", model_param_type(), "")}, {{"model", layers}});
  } catch (const Error& error) {
    return error.name();
  }
  return "";
}

}  // namespace

TEST_CASE("the MNIST model has 669,706 parameters, laid out kernel then bias") {
  const auto model = model_of(784, {dense(512, "relu"), dropout(0.2), dense(512, "relu"), dense(10, "softmax")});
  CHECK(model->parameters() == 669706);
  CHECK(model->outputs() == 10);
  CHECK(model->layers[0].parameters() == 401920);
  CHECK(model->layers[1].parameters() == 0);
  CHECK(model->layers[1].outputs == 512);
  CHECK(model->layers[2].kernel_offset == 401920);
  CHECK(model->layers[3].kernel_offset == 401920 + 262656);
  CHECK(model->layers[3].bias_offset == 669706 - 10);
}

TEST_CASE("a layer without bias has kernel parameters alone") {
  CHECK(model_of(3, {dense(2, "linear", {{"use_bias", false}})})->parameters() == 6);
}

TEST_CASE("softmax before the end and dropout at the end are reported together, each at its place") {
  CollectingContext ctx;
  build_model(checked_layers({dense(4, "softmax"), dense(3, "relu"), dropout(0.5)}), 5, ctx, "model");
  using Errors = std::vector<std::pair<std::string, std::string>>;
  CHECK(ctx.errors == Errors{{"model.0.dense.activation", "softmax-not-last"}, {"model.2.dropout", "dropout-last"}});
}

TEST_CASE("values outside the descriptors' bounds are refused") {
  CHECK(refusal(List{}) == "wrong-length");
  CHECK(refusal(List{one("dense", {{"units", 0}})}) == "out-of-range");
  CHECK(refusal(List{one("dense")}) == "missing-parameter");
  CHECK(refusal(List{one("dense", {{"units", 3}, {"activation", "swish"}})}) == "unknown-choice");
  CHECK(refusal(List{one("dropout", {{"rate", 1.0}})}) == "out-of-range");
  CHECK(refusal(List{one("dense", {{"units", 3}, {"l2", -1e-3}})}) == "out-of-range");
  CHECK(refusal(List{one("dense", {{"units", 3}})}).empty());
}

TEST_CASE("the default optimizer is Keras's rmsprop, complete") {
  const OptimizerSpec named = optimizer_of("rmsprop"),
                      defaulted{default_optimizer().alternative(), default_optimizer().alternative_params()};
  CHECK(named.name == defaulted.name);
  CHECK(named.params == defaulted.params);
  CHECK(named.params["epsilon"].number() == 1e-7);
  CHECK(named.params["rho"].number() == 0.9);
}

TEST_CASE("initializers have Keras's spread and cut-off") {
  check_moments("glorot_uniform", std::sqrt(2.0 / 300), std::sqrt(6.0 / 300));
  check_moments("glorot_normal", std::sqrt(2.0 / 300), 2 * std::sqrt(2.0 / 300) / 0.8796256610342397);
  check_moments("he_uniform", std::sqrt(2.0 / 200), std::sqrt(6.0 / 200));
  check_moments("he_normal", std::sqrt(2.0 / 200), 2 * std::sqrt(2.0 / 200) / 0.8796256610342397);
  check_moments("lecun_uniform", std::sqrt(1.0 / 200), std::sqrt(3.0 / 200));
  check_moments("lecun_normal", std::sqrt(1.0 / 200), 2 * std::sqrt(1.0 / 200) / 0.8796256610342397);
  check_moments("random_uniform", 0.05 / std::sqrt(3.0), 0.05);
  check_moments("random_normal", 0.05, 0.05 * 6);
  check_moments("truncated_normal", 0.05 * 0.8796256610342397, 0.1);
  CHECK(moments_of(one("random_normal")).largest > 0.1);
}

TEST_CASE("constant, ones and zeros fill as they say") {
  const auto first_weight = [](const ParamValue& initializer) {
    return initial_weights(*model_of(2, {dense(2, "linear", {{"kernel_initializer", initializer}})}), 1)[0];
  };
  CHECK(first_weight(one("constant", {{"value", 4}})) == 4.0F);
  CHECK(first_weight("ones") == 1.0F);
  CHECK(first_weight("zeros") == 0.0F);
}

TEST_CASE("initial weights are a function of seed and layer, not of the other layers") {
  const auto small = model_of(6, {dense(4, "relu"), dense(3, "softmax")});
  const auto large = model_of(6, {dense(4, "relu"), dense(9, "softmax")});
  const std::vector<float> a = initial_weights(*small, 1), b = initial_weights(*large, 1);
  CHECK(std::equal(a.begin(), a.begin() + 28, b.begin()));
  CHECK(initial_weights(*small, 1) == a);
  CHECK(initial_weights(*small, 2) != a);
}

TEST_CASE("the hash of weights is SHA-256 of their float32 bytes") {
  const auto model = model_of(1, {dense(1, "linear")});
  const ModelSnapshot snapshot(model, Loss::mse, 1, {1.0F, -2.0F});
  // printf '\x00\x00\x80\x3f\x00\x00\x00\xc0' | sha256sum
  CHECK(snapshot.weights_sha256() == "ee4ac73c2bd27756ab82780f27c73a7bc4d3f0bb6acb37e008bc27eccd7e588b");
  CHECK(ModelSnapshot(model, Loss::mse, 2, {1.0F, -2.5F}).weights_sha256() != snapshot.weights_sha256());
}

TEST_CASE("activations and metrics say what they are for") {
  for (const Activation activation : {Activation::sigmoid, Activation::softmax}) CHECK(gives_probabilities(activation));
  for (const Activation activation : {Activation::linear, Activation::relu, Activation::tanh})
    CHECK_FALSE(gives_probabilities(activation));
  CHECK(is_for_classes("accuracy"));
  for (const char* other : {"loss", "mae", "seconds"}) CHECK_FALSE(is_for_classes(other));
}

TEST_CASE("sums are finite when the loss and each metric are") {
  CHECK(BatchSums{}.is_finite());
  BatchSums sums;
  sums.loss = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(sums.is_finite());
  sums = {};
  sums.absolute_error = std::numeric_limits<double>::infinity();
  CHECK_FALSE(sums.is_finite());
}
