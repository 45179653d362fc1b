// The initializers. Sources: Glorot and Bengio, AISTATS 2010 (glorot); He et al., ICCV 2015 (he); LeCun et al., "Efficient
// BackProp", 1998 (lecun); bounds and truncation as Keras has them.
#include "initializers.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <cmath>
#include <string>

namespace millrace::nn {
namespace {

Param number(const char* name, const char* doc, double value) {
  return Param(name, ParamType::float32(), doc).or_default(value);
}
Param deviation() { return Param("stddev", ParamType::float32().at_least(0), "Standard deviation.").or_default(0.05); }

/// Variance scaling: the variance of a weight is scale / fan.
struct Scaling {
  const char* family;
  double scale;
  double (*fan)(Fans);
};
constexpr Scaling kScalings[] = {
    {"glorot", 1.0, [](Fans f) { return 0.5 * static_cast<double>(f.in + f.out); }},
    {"he", 2.0, [](Fans f) { return static_cast<double>(f.in); }},
    {"lecun", 1.0, [](Fans f) { return static_cast<double>(f.in); }},
};

void fill_uniform(double lo, double hi, const Random& random, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(lo + (hi - lo) * static_cast<double>(random.uniform(i)));
}

void fill_normal(double mean, double stddev, const Random& random, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(mean + stddev * static_cast<double>(random.normal(i)));
}

/// Draws again beyond two deviations; the attempt is part of the key, so values do not depend on their neighbors.
float truncated_normal(const Random& random, std::size_t index) {
  for (std::uint32_t attempt = 0;; ++attempt) {
    const float x = random.normal(index, attempt);
    if (std::abs(x) <= 2.0F) return x;
  }
}

void fill_truncated(double mean, double stddev, const Random& random, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(mean + stddev * static_cast<double>(truncated_normal(random, i)));
}

/// Standard deviation of a standard normal cut off at two deviations.
constexpr double kTruncatedDeviation = 0.87962566103423978;

bool fill_scaled(const std::string& name, Fans fans, const Random& random, std::span<float> values) {
  for (const Scaling& s : kScalings) {
    const double variance = s.scale / std::max(1.0, s.fan(fans));
    if (name == std::string(s.family) + "_uniform") {
      const double limit = std::sqrt(3.0 * variance);
      fill_uniform(-limit, limit, random, values);
      return true;
    }
    if (name == std::string(s.family) + "_normal") {
      fill_truncated(0, std::sqrt(variance) / kTruncatedDeviation, random, values);
      return true;
    }
  }
  return false;
}

bool fill_plain(const std::string& name, const ParamValue& params, const Random& random, std::span<float> values) {
  const auto value = [&](std::string_view key) { return params[key].number(); };
  if (name == "zeros")
    std::fill(values.begin(), values.end(), 0.0F);
  else if (name == "ones")
    std::fill(values.begin(), values.end(), 1.0F);
  else if (name == "constant")
    std::fill(values.begin(), values.end(), static_cast<float>(value("value")));
  else if (name == "random_uniform")
    fill_uniform(value("minval"), value("maxval"), random, values);
  else if (name == "random_normal")
    fill_normal(value("mean"), value("stddev"), random, values);
  else if (name == "truncated_normal")
    fill_truncated(value("mean"), value("stddev"), random, values);
  else
    return false;
  return true;
}

}  // namespace

ParamType initializer_param_type() {
  const Param mean = number("mean", "Mean.", 0.0);
  return ParamType::one_of({
      {"glorot_uniform", "Uniform, variance 2 / (inputs + outputs).", {}},
      {"glorot_normal", "Truncated normal, variance 2 / (inputs + outputs).", {}},
      {"he_uniform", "Uniform, variance 2 / inputs; for relu.", {}},
      {"he_normal", "Truncated normal, variance 2 / inputs; for relu.", {}},
      {"lecun_uniform", "Uniform, variance 1 / inputs.", {}},
      {"lecun_normal", "Truncated normal, variance 1 / inputs.", {}},
      {"random_uniform",
       "Uniform between two bounds.",
       {number("minval", "Lower bound.", -0.05), number("maxval", "Upper bound.", 0.05)}},
      {"random_normal", "Normal, not truncated.", {mean, deviation()}},
      {"truncated_normal", "Normal, drawn again beyond two deviations.", {mean, deviation()}},
      {"zeros", "All 0.", {}},
      {"ones", "All 1.", {}},
      {"constant", "All the same value.", {Param("value", ParamType::float32(), "The value.")}},
  });
}

void fill_initial(const ParamValue& initializer, Fans fans, const Random& random, std::span<float> values) {
  if (initializer.is_null()) return std::fill(values.begin(), values.end(), 0.0F);
  const std::string& name = initializer.alternative();
  if (fill_scaled(name, fans, random, values)) return;
  if (fill_plain(name, initializer.alternative_params(), random, values)) return;
  throw Error(ErrorKind::run, "unknown-initializer", "there is no initializer `" + name + "`");
}

}  // namespace millrace::nn
