// evaluator, driven alone.
#include "catch.hpp"
#include "error_of.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <cmath>
#include <limits>
#include <numeric>

using namespace millrace;
using namespace millrace::testing;
using Map = ParamValue::Map;
using List = ParamValue::List;

namespace {

/// y = w x, one input, one output.
std::shared_ptr<const ModelSpec> line() {
  LayerSpec layer;
  layer.inputs = layer.outputs = 1;
  layer.use_bias = false;
  layer.bias_offset = 1;
  return std::make_shared<const ModelSpec>(ModelSpec{1, {layer}});
}

Packet model_packet(std::uint32_t epoch, float w) {
  Packet packet;
  packet.header = {0, epoch, 0, true};
  packet.model = std::make_shared<const ModelSnapshot>(line(), Loss::mse, epoch, std::vector<float>{w});
  return packet;
}

Packet data_packet(std::uint32_t epoch, bool last, std::vector<float> x, std::vector<float> y) {
  Packet packet;
  packet.header = {0, epoch, 0, last};
  packet.rows = static_cast<std::int64_t>(x.size());
  auto ids = std::make_shared<std::vector<std::uint64_t>>(x.size());
  std::iota(ids->begin(), ids->end(), 0U);
  packet.ids = ids;
  packet.fields = {{"inputs", rows<float>({1}, x)}, {"targets", rows<float>({1}, y)}};
  return packet;
}

PortSpec data_port(RowShape inputs, RowShape targets) {
  PortSpec port;
  port.fields = {{"inputs", {DType::f32, std::move(inputs), {}, {}, {}}},
                 {"targets", {DType::f32, std::move(targets), {}, {}, {}}}};
  port.max_rows = 8;
  return port;
}
PortSpec model_port() {
  PortSpec port = PortSpec::of_kind(PortKind::model);
  port.model = line();
  port.loss = Loss::mse;
  return port;
}

StageTester& declare(StageTester& t) { return t.input("data", data_port({1}, {1})).input("model", model_port()); }

}  // namespace

TEST_CASE("evaluator waits for the model of the epoch, then measures the whole epoch") {
  StageTester t("evaluator", {{"metrics", List{"loss", "mae"}}});
  declare(t).clock(7, 0.25);
  t.push("data", data_packet(1, false, {1, 2}, {1, 2}));
  CHECK_FALSE(t.has_output("metrics"));
  t.push("model", model_packet(1, 2));
  CHECK_FALSE(t.has_output("metrics"));
  t.push("data", data_packet(1, true, {3}, {3}));
  const Packet packet = t.pop("metrics");
  CHECK(packet.header.last_in_epoch);
  CHECK(packet.metrics->epoch == 1);
  CHECK(packet.metrics->find("loss").value() == Catch::Approx((1 + 4 + 9) / 3.0));  // (2x - x)^2
  CHECK(packet.metrics->find("mae").value() == Catch::Approx(2.0));
  CHECK(packet.metrics->find("seconds") == 0.5);  // one reading before and one after each of two batches
  CHECK_FALSE(packet.metrics->find("accuracy").has_value());
}

TEST_CASE("evaluator tells a loss that is no number without a sign") {
  StageTester t("evaluator");
  declare(t);
  t.push("model", model_packet(1, 2));
  const float nan = std::copysign(std::numeric_limits<float>::quiet_NaN(), -1.0F);
  const Error error = error_of([&] { t.push("data", data_packet(1, true, {nan}, {1})); });
  CHECK(error.name() == "diverged");
  CHECK_THAT(error.message(), Catch::Matchers::EndsWith("is nan: sample 0 has nan in `inputs`"));
  CHECK(error.help() == "mend that row or leave it out: data must be finite");
}

TEST_CASE("evaluator names the sample and the field of a float64 that is not finite") {
  StageTester t("evaluator");
  PortSpec port = data_port({1}, {1});
  port.fields[0].spec.dtype = DType::f64;
  t.input("data", port).input("model", model_port());
  t.push("model", model_packet(1, 2));
  Packet packet = data_packet(1, true, {1}, {1});
  packet.fields[0].tensor = rows<double>({1}, {std::numeric_limits<double>::quiet_NaN()});
  const Error error = error_of([&] { t.push("data", packet); });
  CHECK_THAT(error.message(), Catch::Matchers::EndsWith("is nan: sample 0 has nan in `inputs`"));
  CHECK(error.help() == "mend that row or leave it out: data must be finite");
}

TEST_CASE("evaluator names the learning rate first where weights have grown until their outputs overflow") {
  const auto failure = [](std::uint32_t epoch) {
    StageTester t("evaluator");
    declare(t).epochs(epoch);
    t.push("model", model_packet(epoch, 1e38F));
    return error_of([&] { t.push("data", data_packet(epoch, true, {1e10F}, {1})); });
  };
  CHECK_THAT(failure(1).help(), Catch::Matchers::StartsWith("lower the learning rate"));
  CHECK_THAT(failure(1).help(), Catch::Matchers::EndsWith("look at the rows of this batch: data must be finite"));
  CHECK_THAT(failure(0).help(), Catch::Matchers::StartsWith("look at the rows"));  // nothing has been trained
}

TEST_CASE("evaluator is given no batch that it cannot measure, also while others wait for their model") {
  StageTester t("evaluator");
  declare(t);
  t.push("data", data_packet(2, false, {1}, {1}));
  Packet wide = data_packet(2, true, {1}, {1});
  wide.header.first_row = 1;
  wide.fields.back().tensor = rows<float>({2}, {1, 2});
  CHECK(error_of([&] { t.push("data", wide); }).name() == "shape-mismatch");
}

TEST_CASE("evaluator matches data and models by epoch, whichever comes first") {
  StageTester t("evaluator", {{"metrics", List{"loss", "accuracy"}}});
  declare(t);
  t.push("data", data_packet(1, true, {1}, {1}));
  t.push("data", data_packet(2, true, {1}, {1}));
  CHECK_FALSE(t.has_output("metrics"));
  t.push("model", model_packet(1, 3));
  t.push("model", model_packet(2, 1));
  const Packet first = t.pop("metrics"), second = t.pop("metrics");
  CHECK(first.metrics->epoch == 1);
  CHECK(first.metrics->find("loss").value() == Catch::Approx(4.0));
  CHECK(second.metrics->epoch == 2);
  CHECK(second.metrics->find("loss").value() == 0.0);
  CHECK(second.metrics->find("accuracy").value() == 1.0);
}

TEST_CASE("evaluator lets go of the packets it held once they are measured") {
  StageTester t("evaluator");
  declare(t);
  Packet packet = data_packet(1, true, {1}, {1});
  const auto lease = std::make_shared<int>(0);
  packet.lease = lease;
  t.push("data", std::move(packet));
  CHECK(lease.use_count() > 1);
  t.push("model", model_packet(1, 3));
  t.pop("metrics");
  CHECK(lease.use_count() == 1);
}

TEST_CASE("evaluator takes epoch 0 as any other") {
  StageTester t("evaluator");
  declare(t).epochs(0);
  t.push("model", model_packet(0, 1));
  t.push("data", data_packet(0, true, {1}, {1}));
  CHECK(t.pop("metrics").metrics->epoch == 0);
}

TEST_CASE("evaluator works when nobody says beforehand what model will come") {
  StageTester t("evaluator");
  t.input("data", data_port({1}, {1})).input("model", PortSpec::of_kind(PortKind::model));
  t.push("data", data_packet(1, true, {1}, {3}));
  t.push("model", model_packet(1, 1));
  CHECK(t.pop("metrics").metrics->find("loss").value() == Catch::Approx(4.0));
}

TEST_CASE("evaluator compares its data with the model that will come") {
  StageTester t("evaluator");
  t.input("data", data_port({2}, {3})).input("model", model_port());
  const auto errors = t.infer();
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].name == "shape-mismatch");
  CHECK(errors[1].name == "shape-mismatch");
  CHECK(errors[0].site.path == "data");
}

TEST_CASE("evaluator names the field that is missing") {
  StageTester t("evaluator");
  PortSpec port = data_port({1}, {1});
  port.fields.pop_back();
  t.input("data", port).input("model", model_port());
  const auto errors = t.infer();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].name == "missing-field");
}

TEST_CASE("evaluator measures by itself what fits the loss") {
  StageTester t("evaluator");
  declare(t);
  t.push("model", model_packet(1, 2)).push("data", data_packet(1, true, {3}, {3}));
  const Packet packet = t.pop("metrics");
  CHECK(packet.metrics->find("loss").has_value());
  CHECK_FALSE(packet.metrics->find("accuracy").has_value());
  CHECK(t.warnings().empty());
}

TEST_CASE("evaluator warns where it is asked for the accuracy of quantities") {
  StageTester t("evaluator", {{"metrics", List{"loss", "accuracy"}}});
  declare(t);
  CHECK(t.infer().empty());
  REQUIRE(t.warnings().size() == 1);
  CHECK(t.warnings()[0].site.path == "metrics.1");
}

TEST_CASE("evaluator adds the penalty of each epoch's own weights, over any number of batches") {
  StageTester t("evaluator", {{"metrics", List{"loss"}}});
  t.input("data", data_port({1}, {1})).input("model", PortSpec::of_kind(PortKind::model));
  for (std::uint32_t epoch = 1; epoch <= 3; ++epoch) {
    const auto w = static_cast<float>(epoch);
    LayerSpec layer = line()->layers.front();
    layer.l2 = 0.5F;
    Packet model = model_packet(epoch, w);
    model.model = std::make_shared<const ModelSnapshot>(std::make_shared<const ModelSpec>(ModelSpec{1, {layer}}),
                                                        Loss::mse, epoch, std::vector<float>{w});
    t.push("model", model);
    t.push("data", data_packet(epoch, false, {1}, {w}));
    t.push("data", data_packet(epoch, true, {2, 3}, {2 * w, 3 * w}));
    CHECK(t.pop("metrics").metrics->find("loss").value() == Catch::Approx(0.5 * w * w));
  }
}
