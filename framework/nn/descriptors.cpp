// Descriptors of layers, losses, metrics and optimizers: what a config may say about a model, declared once.
#include "initializers.hpp"

#include <millrace/model.hpp>

namespace millrace {
namespace {

using Map = ParamValue::Map;

ParamValue alternative(const char* name, Map params = {}) { return Map{{name, ParamValue(std::move(params))}}; }

Alternative dense() {
  return {"dense",
          "Every output is a weighted sum of all inputs, then the activation.",
          {Param("units", ParamType::integer().at_least(1).at_most(1 << 20), "Number of outputs."),
           Param("activation", ParamType::choice({"linear", "relu", "sigmoid", "tanh", "softmax"}),
                 "Function applied to the sums.")
               .or_default("linear"),
           Param("use_bias", ParamType::boolean(), "Adds a trained constant to every output.").or_default(true),
           Param("kernel_initializer", nn::initializer_param_type(), "Where the weights start.")
               .or_default(alternative("glorot_uniform")),
           Param("bias_initializer", nn::initializer_param_type(), "Where the biases start.")
               .or_default(alternative("zeros")),
           Param("l2", ParamType::float32().at_least(0), "Adds l2 * sum(weights^2) to the loss; biases are left out.")
               .or_default(0.0)}};
}

Alternative dropout() {
  return {"dropout",
          "Sets a random share of the values to zero while training and scales up the others.",
          {Param("rate", ParamType::float32().at_least(0).below(1), "Share of the values that is set to zero.")}};
}

Param learning_rate(double value) {
  return Param("learning_rate", ParamType::float32().above(0), "Size of a step.").or_default(value);
}
Param clip_norm() {
  return Param("clip_norm", ParamType::float32().above(0),
               "Scales the gradient of all weights down to this Euclidean norm when it is larger.")
      .or_absent();
}
Param epsilon(const char* doc) { return Param("epsilon", ParamType::float32().above(0), doc).or_default(1e-7); }
Param momentum() {
  return Param("momentum", ParamType::float32().at_least(0).below(1),
               "Share of the last step that is kept in the next.")
      .or_default(0.0);
}
Param decay(const char* name, ParamType type, const char* doc, double value) {
  return Param(name, type.at_least(0).below(1), doc).or_default(value);
}

std::vector<Alternative> optimizers() {
  return {{"sgd",
           "Plain gradient descent, with momentum if wanted.",
           {learning_rate(0.01), momentum(),
            Param("nesterov", ParamType::boolean(), "Looks ahead along the momentum.").or_default(false), clip_norm()}},
          {"rmsprop",
           "Divides each step by a running root mean square of the gradient, in Keras's form.",
           {learning_rate(0.001), decay("rho", ParamType::float32(), "Decay of the mean square.", 0.9), momentum(),
            epsilon("Added to the mean square before the root."), clip_norm()}},
          {"adam",
           "Running mean of the gradient over its running root mean square.",
           {learning_rate(0.001), decay("beta_1", ParamType::number(), "Decay of the mean.", 0.9),
            decay("beta_2", ParamType::number(), "Decay of the mean square.", 0.999),
            epsilon("Added to the root mean square."), clip_norm()}}};
}

}  // namespace

ParamType model_param_type() { return ParamType::list(ParamType::one_of({dense(), dropout()})).length(1, 1000); }

ParamType optimizer_param_type() { return ParamType::one_of(optimizers()); }

ParamType loss_param_type() { return ParamType::choice({"categorical_crossentropy", "binary_crossentropy", "mse"}); }

ParamType precision_param_type() { return ParamType::choice({"float32", "tf32", "bf16"}); }

ParamType metric_param_type() { return ParamType::choice({"accuracy", "mae"}); }

ParamValue default_optimizer() {
  return alternative(
      "rmsprop", Map{{"learning_rate", 0.001}, {"rho", 0.9}, {"momentum", 0.0}, {"epsilon", 1e-7}, {"clip_norm", {}}});
}

}  // namespace millrace
