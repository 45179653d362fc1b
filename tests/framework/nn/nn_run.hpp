// A few steps of training on the same batch: by a device's step, and by the float64 reference.
#pragma once

#include "nn_fixtures.hpp"
#include "nn_reference.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace millrace::nn_test {

struct Run {
  std::vector<double> losses;
  Doubles weights;
  std::string hash = {};
};

/// The sums of one batch, whether the device gives them at once or late.
inline BatchSums sums_of(TrainStep& step, const Batch& batch) {
  BatchSums sums = step.train(batch.view());
  sums.add(step.take_sums());
  return sums;
}

inline Run trained(Device& device, const TrainSpec& spec, const Batch& batch, int steps) {
  const auto step = make_train_step(device, spec);
  Run run;
  for (int i = 0; i < steps; ++i) {
    const BatchSums sums = sums_of(*step, batch);
    run.losses.push_back((sums.loss + sums.penalty) / sums.samples);
  }
  run.weights = to_doubles(weights_of(*step));
  run.hash = step->snapshot(0)->weights_sha256();
  return run;
}

inline Run trained_in_doubles(const TrainSpec& spec, const Batch& batch, int steps) {
  Reference reference(*spec.model, spec.loss);
  ReferenceOptimizer optimizer(spec.optimizer);
  if (batch.weights) reference.row_weights = to_doubles(batch.weights.f32());
  Run run;
  run.weights = to_doubles(initial_weights(*spec.model, spec.seed));
  const Doubles x = to_doubles(batch.inputs.f32()), y = to_doubles(batch.targets.f32());
  for (int i = 0; i < steps; ++i) {
    run.losses.push_back(reference.loss(run.weights, x, y));
    optimizer.step(run.weights, reference.gradient(run.weights, x, y));
  }
  return run;
}

/// Losses relative to those expected, weights absolutely.
inline void check_close(const Run& run, const Run& expected, double tolerance) {
  REQUIRE(run.weights.size() == expected.weights.size());
  for (std::size_t i = 0; i < run.losses.size(); ++i)
    CHECK(std::abs(run.losses[i] - expected.losses[i]) < tolerance * std::max(1.0, expected.losses[i]));
  double worst = 0;
  for (std::size_t i = 0; i < run.weights.size(); ++i)
    worst = std::max(worst, std::abs(run.weights[i] - expected.weights[i]));
  CHECK(worst < tolerance);
}

}  // namespace millrace::nn_test
