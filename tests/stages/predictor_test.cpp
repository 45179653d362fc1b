// predictor, driven alone.
#include "catch.hpp"
#include "checkpoint_fixture.hpp"
#include "error_of.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <numeric>

using namespace millrace;
using namespace millrace::testing;

namespace {

PortSpec model_port(const std::shared_ptr<const ModelSpec>& model) {
  PortSpec port = PortSpec::of_kind(PortKind::model);
  port.model = model;
  port.loss = Loss::mse;
  return port;
}

PortSpec data_port(std::int64_t inputs, std::vector<std::string> others = {}) {
  PortSpec port;
  port.fields = {{"inputs", {DType::f32, {inputs}, {}, {}, {}}}};
  for (std::string& other : others) port.fields.push_back({std::move(other), {DType::i32, {2, 2}, {}, {}, {}}});
  port.rows_per_epoch = 40;
  port.max_rows = 8;
  return port;
}

Packet model_packet(std::uint32_t epoch, const std::shared_ptr<const ModelSpec>& model, std::vector<float> weights) {
  Packet packet;
  packet.header = {0, epoch, 0, true};
  packet.model = std::make_shared<const ModelSnapshot>(model, Loss::mse, epoch, std::move(weights));
  return packet;
}

Packet data_packet(std::uint32_t epoch, bool last, const Tensor& inputs, std::uint64_t first_row = 0) {
  Packet packet;
  packet.header = {0, epoch, first_row, last};
  packet.rows = inputs.rows();
  auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(packet.rows));
  std::iota(ids->begin(), ids->end(), 100 + first_row);
  packet.ids = ids;
  packet.fields = {{"inputs", inputs}};
  return packet;
}

std::shared_ptr<const ModelSpec> line() {
  return std::make_shared<const ModelSpec>(ModelSpec{1, {dense_layer(1, 1, Activation::linear, 0, false)}});
}

std::vector<float> values_of(const Packet& packet) {
  const auto values = packet.tensor().f32();
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("predictor gives what the model makes of each row, with its id and position") {
  StageTester t("predictor");
  t.input("data", data_port(1)).input("model", model_port(line()));
  t.push("model", model_packet(1, line(), {2}));
  t.push("data", data_packet(1, false, rows<float>({1}, {1, 2, 3})));
  t.push("data", data_packet(1, true, rows<float>({1}, {4}), 3));
  const Packet first = t.pop(), last = t.pop();
  CHECK(values_of(first) == std::vector<float>{2, 4, 6});
  CHECK(*first.ids == std::vector<std::uint64_t>{100, 101, 102});
  CHECK(first.header.first_row == 0);
  CHECK_FALSE(first.header.last_in_epoch);
  CHECK(values_of(last) == std::vector<float>{8});
  CHECK(*last.ids == std::vector<std::uint64_t>{103});
  CHECK(last.header.first_row == 3);
  CHECK(last.header.last_in_epoch);
  CHECK_FALSE(t.has_output("out"));
}

TEST_CASE("predictor's output is said before the run: as many rows as come in, as wide as the model") {
  StageTester t("predictor");
  t.input("data", data_port(2)).input("model", model_port(small_model()));
  const PortSpec& port = t.output_spec("out");
  CHECK(port.only().row_shape == RowShape{1});
  CHECK(port.rows_per_epoch == 40);
  CHECK(port.max_rows == 8);
}

TEST_CASE("predictor keeps rows until the model of their epoch is there, and takes each epoch's own") {
  StageTester t("predictor");
  t.input("data", data_port(1)).input("model", model_port(line()));
  t.push("data", data_packet(1, true, rows<float>({1}, {1})));
  t.push("data", data_packet(2, true, rows<float>({1}, {1})));
  CHECK_FALSE(t.has_output("out"));
  t.push("model", model_packet(1, line(), {3}));
  t.push("model", model_packet(2, line(), {5}));
  CHECK(values_of(t.pop()) == std::vector<float>{3});
  CHECK(values_of(t.pop()) == std::vector<float>{5});
}

TEST_CASE("predictor gives the bits of the forward pass that measures a model") {
  const auto model = std::make_shared<const ModelSpec>(
      ModelSpec{20, {dense_layer(20, 33, Activation::relu, 0), dense_layer(33, 5, Activation::softmax, 20 * 33 + 33)}});
  const Random random(7, "predictor");
  std::vector<float> weights(static_cast<std::size_t>(model->parameters())), pixels(8 * 20);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = random.normal(i) / 5;
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = random.uniform(i, 1);
  const Tensor inputs = rows<float>({20}, pixels);
  const Packet snapshot = model_packet(1, model, weights);

  const auto device = open_device({"cpu", 0});
  const auto step = make_evaluation_step(*device, model, Loss::mse, inputs.spec(), {DType::f32, {5}, {}, {}, {}}, 8);
  std::vector<float> expected(8 * 5);
  step->predict(*snapshot.model, inputs, expected);

  StageTester t("predictor");
  t.input("data", data_port(20)).input("model", model_port(model));
  t.push("model", snapshot);
  t.push("data", data_packet(1, true, inputs));
  CHECK(values_of(t.pop()) == expected);
}

TEST_CASE("predictor does not look at other fields, whatever they are") {
  StageTester t("predictor");
  t.input("data", data_port(1, {"targets", "notes"})).input("model", model_port(line()));
  t.push("model", model_packet(1, line(), {2}));
  Packet packet = data_packet(1, true, rows<float>({1}, {1}));
  for (const char* name : {"targets", "notes"})
    packet.fields.push_back({name, rows<std::int32_t>({2, 2}, {1, 2, 3, 4})});
  t.push("data", packet);
  CHECK(values_of(t.pop()) == std::vector<float>{2});
}

TEST_CASE("predictor passes on an epoch that ends without a row") {
  StageTester t("predictor");
  t.input("data", data_port(1)).input("model", model_port(line()));
  t.push("model", model_packet(1, line(), {2}));
  t.push("data", data_packet(1, true, rows<float>({1}, {})));
  const Packet packet = t.pop();
  CHECK(packet.rows == 0);
  CHECK(packet.header.last_in_epoch);
}

TEST_CASE("predictor lets go of rows and model when their epoch is over") {
  StageTester t("predictor");
  t.input("data", data_port(1)).input("model", model_port(line()));
  Packet model = model_packet(1, line(), {2}), data = data_packet(1, true, rows<float>({1}, {1}));
  const auto lease = std::make_shared<int>(0);
  const std::weak_ptr<const ModelSnapshot> snapshot = model.model;
  data.lease = lease;
  t.push("model", std::move(model));
  t.push("data", std::move(data));
  t.pop();
  CHECK(lease.use_count() == 1);
  t.close();
  CHECK(snapshot.lock() == t.reported_model());
}

TEST_CASE("predictor refuses rows of another width, and a model that nobody knows before the run") {
  StageTester wide("predictor");
  wide.input("data", data_port(3)).input("model", model_port(small_model()));
  const auto errors = wide.infer();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].name == "shape-mismatch");
  CHECK(errors[0].site.path == "data");
  CHECK(errors[0].message == "the model has 2 inputs a row, `inputs` is f32 [n, 3]");

  StageTester unknown("predictor");
  unknown.input("data", data_port(3)).input("model", model_port(nullptr));
  REQUIRE(unknown.infer().size() == 1);
  CHECK(unknown.infer()[0].name == "model-unknown");
}

TEST_CASE("predictor needs a field of inputs") {
  StageTester t("predictor");
  PortSpec port = data_port(2);
  port.fields[0].name = "images";
  t.input("data", port).input("model", model_port(small_model()));
  REQUIRE(t.infer().size() == 1);
  CHECK(t.infer()[0].name == "missing-field");
}
