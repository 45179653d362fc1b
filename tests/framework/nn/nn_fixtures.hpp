// Models, tensors and batches for the tests of training steps.
#pragma once

#include "catch.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/random.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace millrace::nn_test {

using Map = ParamValue::Map;
using List = ParamValue::List;

/// Collects what build_model reports.
class CollectingContext final : public InferContext {
 public:
  std::vector<std::pair<std::string, std::string>> errors;  ///< path, name
  std::vector<std::string> inputs() const override { return {}; }
  bool has_input(std::string_view) const override { return false; }
  const PortSpec& input(std::string_view) const override { return port_; }
  void output(std::string_view, PortSpec) override {}
  void error(ErrorSite site, std::string name, std::string, std::string) override {
    errors.emplace_back(site.path, std::move(name));
  }
  void uses_memory(std::string, std::size_t) override {}
  void accumulates(std::int64_t) override {}
  const DeviceId& device() const override { return device_; }
  std::uint32_t epochs() const override { return 1; }

 private:
  PortSpec port_;
  DeviceId device_;
};

inline ParamValue one(const char* name, Map params = {}) { return Map{{name, ParamValue(std::move(params))}}; }

/// A dense layer whose biases do not start at zero, so that a mistake in them shows.
inline ParamValue dense(std::int64_t units, const char* activation, Map more = {}) {
  Map params{{"units", units}, {"activation", activation}, {"bias_initializer", one("random_normal")}};
  for (auto& [key, value] : more) params.emplace_back(key, value);
  return one("dense", std::move(params));
}
inline ParamValue dropout(double rate) { return one("dropout", {{"rate", rate}}); }

inline ParamValue checked_layers(List layers) {
  return testing::complete_params({Param("model", model_param_type(), "")}, {{"model", std::move(layers)}})["model"];
}

inline std::shared_ptr<const ModelSpec> model_of(std::int64_t inputs, List layers) {
  CollectingContext ctx;
  auto model = std::make_shared<const ModelSpec>(build_model(checked_layers(std::move(layers)), inputs, ctx, "model"));
  REQUIRE(ctx.errors.empty());
  return model;
}

inline OptimizerSpec optimizer_of(ParamValue value) {
  const ParamValue checked = testing::complete_params({Param("optimizer", optimizer_param_type(), "")},
                                                      {{"optimizer", std::move(value)}})["optimizer"];
  return {checked.alternative(), checked.alternative_params()};
}

inline std::vector<float> uniform_values(std::int64_t count, const char* purpose, float lo, float hi) {
  const Random random(7, purpose);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = lo + (hi - lo) * random.uniform(i);
  return values;
}

/// Rows with every 10-class label in turn; stored as class ids.
inline Tensor class_ids(std::int64_t rows, std::int32_t classes) {
  static const std::unique_ptr<Allocator> memory = make_host_allocator();
  OutTensor out(TensorSpec{DType::f32, {classes}, {}, {EncodingKind::indicator, 1, 0, classes}, {}}, rows, *memory);
  auto ids = classes <= 256 ? out.values<std::uint8_t>() : std::span<std::uint8_t>{};
  for (std::size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<std::uint8_t>((i * 7 + 3) % static_cast<std::size_t>(classes));
  return std::move(out).freeze();
}

/// Inputs, targets and ids of one batch, kept together with the TrainBatch that points at them.
struct Batch {
  Tensor inputs, targets;
  std::vector<std::uint64_t> ids;
  Tensor weights;
  std::uint32_t epoch = 1;

  TrainBatch view() const {
    TrainBatch batch;
    batch.inputs = &inputs;
    batch.targets = &targets;
    batch.weights = weights ? &weights : nullptr;
    batch.epoch = epoch;
    batch.sample_ids = ids;
    return batch;
  }
};

inline Batch batch_of(Tensor inputs, Tensor targets) {
  Batch batch{std::move(inputs), std::move(targets), {}, {}, 1};
  batch.ids.resize(static_cast<std::size_t>(batch.inputs.rows()));
  std::iota(batch.ids.begin(), batch.ids.end(), 0U);
  return batch;
}

/// Random inputs in [-1, 1] and targets in [0, 1].
inline Batch random_batch(std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
  return batch_of(testing::rows<float>({inputs}, uniform_values(rows * inputs, "inputs", -1, 1)),
                  testing::rows<float>({outputs}, uniform_values(rows * outputs, "targets", 0, 1)));
}

inline TrainSpec spec_of(std::shared_ptr<const ModelSpec> model, Loss loss, const ParamValue& optimizer,
                         const Batch& batch) {
  TrainSpec spec;
  spec.model = std::move(model);
  spec.loss = loss;
  spec.optimizer = optimizer_of(optimizer);
  spec.seed = 42;
  spec.max_batch_rows = batch.inputs.rows();
  spec.inputs = batch.inputs.spec();
  spec.targets = batch.targets.spec();
  spec.weighted = static_cast<bool>(batch.weights);
  return spec;
}

inline Device& cpu() {
  static const std::unique_ptr<Device> device = open_device({"cpu", 0});
  return *device;
}

inline std::vector<float> weights_of(const TrainStep& step) {
  const auto snapshot = step.snapshot(0);
  return {snapshot->weights().begin(), snapshot->weights().end()};
}

}  // namespace millrace::nn_test
