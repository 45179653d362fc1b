// The same training in float64, written as plainly as possible: one number at a time, from the textbook formulas.
#pragma once

#include "nn_fixtures.hpp"

#include <millrace/model.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::nn_test {

using Doubles = std::vector<double>;

/// Forward pass, loss, analytic gradient and finite differences of a dense stack; dropout is taken from given masks.
class Reference {
 public:
  Reference(const ModelSpec& model, Loss loss) : model_(model), loss_(loss) {}

  /// Masks of dropout layer i, [rows, width], already scaled; empty for dense layers.
  std::vector<Doubles> masks;
  /// Weights of the rows' losses; empty stands for 1.
  Doubles row_weights;

  /// Mean loss of a batch, with the L2 penalty.
  double loss(const Doubles& w, const Doubles& x, const Doubles& y) {
    rows_ = static_cast<std::int64_t>(x.size()) / model_.inputs;
    forward(w, x);
    double sum = 0;
    for (std::int64_t r = 0; r < rows_; ++r) sum += row_loss(r, y) * weight(r);
    return sum / static_cast<double>(rows_) + penalty(w);
  }

  Doubles gradient(const Doubles& w, const Doubles& x, const Doubles& y) {
    loss(w, x, y);
    Doubles g(w.size()), delta = output_delta(y);
    for (std::size_t i = model_.layers.size(); i-- > 0;) delta = backward(i, w, delta, g);
    return g;
  }

  /// Central difference of the loss along weight k.
  double slope(Doubles w, std::size_t k, const Doubles& x, const Doubles& y) {
    constexpr double kStep = 1e-5;
    const double at = w[k];
    w[k] = at + kStep;
    const double above = loss(w, x, y);
    w[k] = at - kStep;
    return (above - loss(w, x, y)) / (2 * kStep);
  }

 private:
  double weight(std::int64_t r) const { return row_weights.empty() ? 1.0 : row_weights[static_cast<std::size_t>(r)]; }

  static double kernel(const LayerSpec& l, const Doubles& w, std::int64_t i, std::int64_t j) {
    return w[static_cast<std::size_t>(l.kernel_offset + i * l.outputs + j)];
  }
  static double& at(Doubles& values, std::int64_t i) { return values[static_cast<std::size_t>(i)]; }
  static double at(const Doubles& values, std::int64_t i) { return values[static_cast<std::size_t>(i)]; }

  static double activated(Activation a, double z) {
    switch (a) {
      case Activation::relu:
        return std::max(0.0, z);
      case Activation::sigmoid:
        return 1 / (1 + std::exp(-z));
      case Activation::tanh:
        return std::tanh(z);
      default:
        return z;
    }
  }
  static double derivative(Activation a, double z) {
    const double value = activated(a, z);
    switch (a) {
      case Activation::relu:
        return z > 0 ? 1 : 0;
      case Activation::sigmoid:
        return value * (1 - value);
      case Activation::tanh:
        return 1 - value * value;
      default:
        return 1;
    }
  }

  void softmax_rows(Doubles& values, std::int64_t n) const {
    for (std::int64_t r = 0; r < rows_; ++r) {
      double sum = 0;
      for (std::int64_t j = 0; j < n; ++j) sum += std::exp(at(values, r * n + j));
      for (std::int64_t j = 0; j < n; ++j) at(values, r * n + j) = std::exp(at(values, r * n + j)) / sum;
    }
  }

  void forward(const Doubles& w, const Doubles& x) {
    sums_.assign(model_.layers.size(), {});
    values_.assign(1, x);
    for (std::size_t l = 0; l < model_.layers.size(); ++l) {
      const LayerSpec& layer = model_.layers[l];
      Doubles out = layer.kind == LayerKind::dense ? dense(layer, w, values_[l]) : values_[l];
      sums_[l] = out;
      if (layer.kind == LayerKind::dropout)
        for (std::size_t k = 0; k < out.size(); ++k) out[k] *= masks[l][k];
      for (double& value : out) value = activated(layer.activation, value);
      if (layer.activation == Activation::softmax) softmax_rows(out, layer.outputs);
      values_.push_back(std::move(out));
    }
  }

  Doubles dense(const LayerSpec& l, const Doubles& w, const Doubles& in) const {
    Doubles out(static_cast<std::size_t>(rows_ * l.outputs));
    for (std::int64_t r = 0; r < rows_; ++r)
      for (std::int64_t i = 0; i < l.inputs; ++i)
        for (std::int64_t j = 0; j < l.outputs; ++j)
          at(out, r * l.outputs + j) += at(in, r * l.inputs + i) * kernel(l, w, i, j);
    if (!l.use_bias) return out;
    for (std::int64_t r = 0; r < rows_; ++r)
      for (std::int64_t j = 0; j < l.outputs; ++j) at(out, r * l.outputs + j) += at(w, l.bias_offset + j);
    return out;
  }

  double row_loss(std::int64_t r, const Doubles& y) const {
    const std::int64_t n = model_.outputs();
    double sum = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      const double p = at(values_.back(), r * n + j), t = at(y, r * n + j);
      if (loss_ == Loss::categorical_crossentropy) sum -= t * std::log(p);
      if (loss_ == Loss::binary_crossentropy)
        sum -= (t * std::log(p) + (1 - t) * std::log(1 - p)) / static_cast<double>(n);
      if (loss_ == Loss::mse) sum += (p - t) * (p - t) / static_cast<double>(n);
    }
    return sum;
  }

  double penalty(const Doubles& w) const {
    double sum = 0;
    for (const LayerSpec& l : model_.layers)
      for (std::int64_t k = 0; k < (l.kind == LayerKind::dense ? l.inputs * l.outputs : 0); ++k)
        sum += static_cast<double>(l.l2) * at(w, l.kernel_offset + k) * at(w, l.kernel_offset + k);
    return sum;
  }

  /// d loss / d outputs, by the definition of each loss, without any shortcut for pairs.
  Doubles output_delta(const Doubles& y) const {
    const std::int64_t n = model_.outputs();
    Doubles delta(y.size());
    for (std::int64_t r = 0; r < rows_; ++r)
      for (std::int64_t j = 0; j < n; ++j) {
        const double p = at(values_.back(), r * n + j), t = at(y, r * n + j);
        double d = 2 * (p - t) / static_cast<double>(n);
        if (loss_ == Loss::categorical_crossentropy) d = -t / p;
        if (loss_ == Loss::binary_crossentropy) d = (p - t) / (p * (1 - p)) / static_cast<double>(n);
        at(delta, r * n + j) = d * weight(r) / static_cast<double>(rows_);
      }
    return delta;
  }

  /// From d loss / d outputs of layer l to that of its inputs; adds to the gradient of its weights.
  Doubles backward(std::size_t l, const Doubles& w, Doubles delta, Doubles& g) const {
    const LayerSpec& layer = model_.layers[l];
    if (layer.kind == LayerKind::dropout) {
      for (std::size_t k = 0; k < delta.size(); ++k) delta[k] *= masks[l][k];
      return delta;
    }
    through_activation(l, delta);
    Doubles before(static_cast<std::size_t>(rows_ * layer.inputs));
    for (std::int64_t r = 0; r < rows_; ++r)
      for (std::int64_t j = 0; j < layer.outputs; ++j) {
        const double d = at(delta, r * layer.outputs + j);
        if (layer.use_bias) at(g, layer.bias_offset + j) += d;
        for (std::int64_t i = 0; i < layer.inputs; ++i) {
          at(g, layer.kernel_offset + i * layer.outputs + j) += d * at(values_[l], r * layer.inputs + i);
          at(before, r * layer.inputs + i) += d * kernel(layer, w, i, j);
        }
      }
    for (std::int64_t k = 0; k < layer.inputs * layer.outputs; ++k)
      at(g, layer.kernel_offset + k) += 2 * static_cast<double>(layer.l2) * at(w, layer.kernel_offset + k);
    return before;
  }

  void through_activation(std::size_t l, Doubles& delta) const {
    const LayerSpec& layer = model_.layers[l];
    const std::int64_t n = layer.outputs;
    if (layer.activation != Activation::softmax) {
      for (std::size_t k = 0; k < delta.size(); ++k) delta[k] *= derivative(layer.activation, sums_[l][k]);
      return;
    }
    for (std::int64_t r = 0; r < rows_; ++r) {
      double along = 0;
      for (std::int64_t j = 0; j < n; ++j) along += at(delta, r * n + j) * at(values_[l + 1], r * n + j);
      for (std::int64_t j = 0; j < n; ++j)
        at(delta, r * n + j) = at(values_[l + 1], r * n + j) * (at(delta, r * n + j) - along);
    }
  }

  const ModelSpec& model_;
  Loss loss_;
  std::int64_t rows_ = 0;
  std::vector<Doubles> sums_, values_;
};

/// What each optimizer's update is compared with, step by step.
inline std::vector<ParamValue> optimizers_to_step() {
  return {one("sgd"),
          one("sgd", {{"momentum", 0.9}}),
          one("sgd", {{"momentum", 0.9}, {"nesterov", true}}),
          one("rmsprop"),
          one("rmsprop", {{"momentum", 0.9}, {"rho", 0.8}}),
          one("adam"),
          one("adam", {{"learning_rate", 0.01}, {"beta_1", 0.5}, {"epsilon", 1e-3}}),
          one("adagrad"),
          one("adagrad", {{"learning_rate", 0.5}, {"initial_accumulator_value", 0.0}, {"epsilon", 1e-3}})};
}

/// And over whole trainings, on every device.
inline std::vector<ParamValue> optimizers_to_train() {
  return {one("sgd", {{"learning_rate", 0.1}}),
          one("sgd", {{"learning_rate", 0.05}, {"momentum", 0.9}}),
          one("sgd", {{"learning_rate", 0.05}, {"momentum", 0.9}, {"nesterov", true}}),
          one("rmsprop"),
          one("rmsprop", {{"momentum", 0.5}}),
          one("adam"),
          one("adagrad", {{"learning_rate", 0.05}}),
          one("sgd", {{"learning_rate", 0.5}, {"clip_norm", 0.1}}),
          one("adam", {{"clip_norm", 0.01}})};
}

/// The published updates in float64, for all weights at once.
class ReferenceOptimizer {
 public:
  explicit ReferenceOptimizer(const OptimizerSpec& spec) : spec_(spec) {}

  void step(Doubles& w, Doubles g) {
    first_.resize(w.size(), spec_.name == "adagrad" ? param("initial_accumulator_value") : 0.0);
    second_.resize(w.size());
    ++t_;
    clip(g);
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (spec_.name == "sgd") sgd(w[i], g[i], first_[i]);
      if (spec_.name == "rmsprop") rmsprop(w[i], g[i], first_[i], second_[i]);
      if (spec_.name == "adam") adam(w[i], g[i], first_[i], second_[i]);
      if (spec_.name == "adagrad") adagrad(w[i], g[i], first_[i]);
    }
  }

 private:
  double param(const char* name) const { return spec_.params[name].number(); }

  void clip(Doubles& g) const {
    const ParamValue* limit = spec_.params.find("clip_norm");
    if (!limit || limit->is_null()) return;
    double squares = 0;
    for (const double x : g) squares += x * x;
    if (std::sqrt(squares) <= limit->number()) return;
    for (double& x : g) x *= limit->number() / std::sqrt(squares);
  }
  void sgd(double& w, double g, double& v) const {
    const double rate = param("learning_rate"), momentum = param("momentum");
    v = momentum * v - rate * g;
    w += spec_.params["nesterov"].boolean() ? momentum * v - rate * g : v;
  }
  void rmsprop(double& w, double g, double& s, double& v) const {
    s = param("rho") * s + (1 - param("rho")) * g * g;
    v = param("momentum") * v + param("learning_rate") * g / std::sqrt(s + param("epsilon"));
    w -= v;
  }
  void adam(double& w, double g, double& m, double& s) const {
    const double b1 = param("beta_1"), b2 = param("beta_2");
    m = b1 * m + (1 - b1) * g;
    s = b2 * s + (1 - b2) * g * g;
    const double rate = param("learning_rate") * std::sqrt(1 - std::pow(b2, t_)) / (1 - std::pow(b1, t_));
    w -= rate * m / (std::sqrt(s) + param("epsilon"));
  }

  void adagrad(double& w, double g, double& sum) const {
    sum += g * g;
    w -= param("learning_rate") * g / std::sqrt(sum + param("epsilon"));
  }

  OptimizerSpec spec_;
  Doubles first_, second_;
  int t_ = 0;
};

inline Doubles to_doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }
inline Doubles to_doubles(std::span<const float> values) { return {values.begin(), values.end()}; }

}  // namespace millrace::nn_test
