// early_stop, driven alone: what it refuses, and its state. When it ends a run, and with which weights, the runs of early_stop_test.py say.
#include "catch.hpp"
#include "error_of.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::testing;
using Map = ParamValue::Map;

namespace {

std::shared_ptr<const ModelSpec> line() {
  LayerSpec layer;
  layer.inputs = layer.outputs = 1;
  layer.use_bias = false;
  return std::make_shared<const ModelSpec>(ModelSpec{1, {layer}});
}

PortSpec metrics_of(const std::shared_ptr<const ModelSpec>& model) {
  PortSpec port = PortSpec::of_kind(PortKind::metrics);
  port.model = model;
  return port;
}

/// One epoch's loss, of a model whose only weight is the epoch's number.
Packet epoch_of(std::uint32_t epoch, double loss, const std::shared_ptr<const ModelSpec>& model) {
  Packet packet;
  packet.header = {0, epoch, 0, true};
  packet.metrics = std::make_shared<const Metrics>(Metrics{epoch, {{"loss", loss}}});
  packet.model =
      std::make_shared<const ModelSnapshot>(model, Loss::mse, epoch, std::vector<float>{static_cast<float>(epoch)});
  return packet;
}

std::string error_name(Map params, PortSpec port) {
  StageTester t("early_stop", std::move(params));
  const std::vector<InferError> errors = t.input("in", std::move(port)).infer();
  return errors.empty() ? "" : errors.front().name;
}

StageState state_after(const std::vector<double>& losses, std::size_t saved_after) {
  const auto model = line();
  auto t = std::make_unique<StageTester>("early_stop");
  t->input("in", metrics_of(model));
  for (std::size_t i = 0; i < losses.size(); ++i) {
    t->push("in", epoch_of(static_cast<std::uint32_t>(i + 1), losses[i], model));
    if (i + 1 != saved_after) continue;
    const StageState state = t->save();
    t = std::make_unique<StageTester>("early_stop");
    t->input("in", metrics_of(model));
    t->load(state);
  }
  return t->save();
}

}  // namespace

TEST_CASE("early_stop wants metrics whose model it can keep, unless it restores none") {
  CHECK(error_name({}, metrics_of(nullptr)) == "no-model-to-restore");
  CHECK(error_name({{"restore", "last"}}, metrics_of(nullptr)).empty());
  CHECK(error_name({}, metrics_of(line())).empty());
  CHECK(error_name({{"metric", "seconds"}}, metrics_of(line())) == "metric-is-a-time");
  CHECK(error_of([] { StageTester("early_stop", Map{{"patience", std::int64_t{0}}}); }).name() == "out-of-range");
}

TEST_CASE("early_stop judges alike whenever its state was saved and loaded in between") {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> losses{inf, 3, 2, 2, 2.5, 1, 1.5, 4, 1};
  const StageState whole = state_after(losses, 0);
  for (std::size_t after = 1; after < losses.size(); ++after)
    CHECK(state_after(losses, after).entries() == whole.entries());
  float best = 0;
  std::memcpy(&best, whole.get("weights").data(), sizeof best);
  CHECK(best == 6);  // the first of the smallest values
}

TEST_CASE("early_stop keeps no weights where no value was finite, and none of another metric's state") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(state_after({nan, nan}, 0).entries().contains("weights"));
  StageTester other("early_stop", Map{{"metric", "mae"}});
  other.input("in", metrics_of(line()));
  other.load(state_after({2, 1}, 0));
  CHECK_FALSE(other.save().entries().contains("weights"));
}

TEST_CASE("early_stop says which metrics there are when its own is missing") {
  StageTester t("early_stop", Map{{"metric", "accuracy"}});
  const auto model = line();
  t.input("in", metrics_of(model));
  const Error error = error_of([&] { t.push("in", epoch_of(1, 2, model)); });
  CHECK(error.name() == "unknown-metric");
  CHECK(error.help() == "there are: loss");
}
