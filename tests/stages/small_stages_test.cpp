// transfer, metrics_sink and print; and what every stage's descriptor must have.
#include "catch.hpp"
#include "error_of.hpp"

#include <millrace/model.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <cmath>
#include <limits>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

Packet metrics_packet(std::uint32_t epoch, std::vector<std::pair<std::string, double>> values) {
  Packet packet;
  packet.header.epoch = epoch;
  packet.header.last_in_epoch = true;
  auto metrics = std::make_shared<Metrics>();
  metrics->epoch = epoch;
  metrics->values = std::move(values);
  packet.metrics = metrics;
  return packet;
}

Packet model_packet(std::uint32_t epoch) {
  auto spec = std::make_shared<ModelSpec>();
  spec->inputs = 2;
  LayerSpec hidden;
  hidden.inputs = 2;
  hidden.outputs = 1;
  hidden.bias_offset = 2;
  LayerSpec dropout;
  dropout.kind = LayerKind::dropout;
  dropout.inputs = dropout.outputs = 1;
  spec->layers = {hidden, dropout};
  Packet packet;
  packet.header.epoch = epoch;
  packet.header.last_in_epoch = true;
  packet.model = std::make_shared<const ModelSnapshot>(spec, Loss::mse, epoch, std::vector<float>{4, -0.5F, 19});
  return packet;
}

const StageRegistry& linked() {
  static const StageRegistry registry = [] {
    StageRegistry r;
    millrace_plugin_entry()->register_stages(&r);
    return r;
  }();
  return registry;
}

}  // namespace

TEST_CASE("Transfer passes a record on where the device computes on host memory") {
  StageTester t("transfer");
  const Tensor x = rows<float>({2}, {1, 2, 3, 4});
  t.push("in", x, true);
  const Packet packet = t.pop();
  CHECK(packet.tensor().bytes() == x.bytes());
  CHECK(packet.header.last_in_epoch);
  CHECK(packet.rows == 2);
}

TEST_CASE("Metrics keep their names from train, and are prefixed from elsewhere") {
  StageTester t("metrics_sink");
  for (const char* port : {"train", "valid", "extra"}) t.input(port, PortSpec::of_kind(PortKind::metrics));
  CHECK(t.prefix_of("train").empty());
  CHECK(t.prefix_of("valid") == "val_");
  CHECK(t.prefix_of("extra") == "extra_");
  t.push("train", metrics_packet(3, {{"loss", 0.5}}));
  CHECK(t.epoch_metrics().empty());  // the engine tells them
}

TEST_CASE("Print writes the rows of the last epoch as one list") {
  StageTester t("print");
  t.epochs(2);
  for (int pass = 0; pass < 2; ++pass) {
    t.push("in", rows<float>({2}, {1, 0, 0.5F, -1}));
    CHECK(t.printed().empty());
    t.push("in", rows<float>({2}, {7, 8}), true);
  }
  CHECK(t.printed() == "[[1,0],[0.5,-1],[7,8]]\n");
}

TEST_CASE("Print writes a NaN without its sign, which is an accident of the processor") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  StageTester narrow("print", {{"epochs", "all"}}), wide("print", {{"epochs", "all"}});
  narrow.push("in", rows<float>({2}, {std::copysign(static_cast<float>(nan), -1.0F), -0.0F}), true);
  CHECK(narrow.printed() == "[[nan,-0]]\n");
  wide.push("in", rows<double>({2}, {std::copysign(nan, -1.0), -std::numeric_limits<double>::infinity()}), true);
  CHECK(wide.printed() == "[[nan,-inf]]\n");
}

TEST_CASE("Print writes every epoch when asked to, and no more rows than asked for") {
  StageTester t("print", {{"epochs", "all"}, {"rows", 3}});
  t.epochs(2);
  for (int pass = 0; pass < 2; ++pass) {
    t.push("in", rows<std::uint8_t>({}, {1, 2}));
    t.push("in", rows<std::uint8_t>({}, {3, 4, 5}), true);
  }
  const std::string once = "[[1],[2],[3]] and 2 more rows\n";
  CHECK(t.printed() == once + once);
  StageTester one("print", {{"epochs", "all"}, {"rows", 2}});
  one.push("in", rows<std::uint8_t>({}, {1, 2, 3}), true);
  CHECK(one.printed() == "[[1],[2]] and 1 more row\n");
}

TEST_CASE("Print writes whole numbers and float64 as they are stored, not as float32") {
  StageTester whole("print", {{"epochs", "all"}});
  whole.push("in", rows<std::int32_t>({}, {123456789, 16777217, -2147483647}), true);
  CHECK(whole.printed() == "[[123456789],[16777217],[-2147483647]]\n");
  StageTester wide("print", {{"epochs", "all"}});
  wide.push("in", rows<double>({2}, {0.1, 123456789.5}), true);
  CHECK(wide.printed() == "[[0.1,123456789.5]]\n");
}

TEST_CASE("Print decodes what is stored otherwise, and names the fields of a record") {
  StageTester one_hot("one_hot", {{"classes", 3}}), batcher("batcher", {{"batch_size", 2}}), t("print");
  one_hot.push("in", rows<std::uint8_t>({}, {2, 0}));
  batcher.push_joined({{"x", rows<float>({}, {1.25F, 2})}, {"y", one_hot.pop().tensor()}}, true);
  t.epochs(1).push("in", batcher.pop());
  CHECK(t.printed() == "x: [[1.25],[2]]\ny: [[0,0,1],[1,0,0]]\n");
}

TEST_CASE("Print writes the weights of the last model, layer by layer") {
  StageTester t("print");
  t.epochs(2).push("model", model_packet(1));
  CHECK(t.printed().empty());
  t.push("model", model_packet(2));
  CHECK(t.printed() == "0.dense.kernel: [[4],[-0.5]]\n0.dense.bias: [19]\n");
}

TEST_CASE("With no epochs print writes what there is at the start") {
  StageTester t("print");
  t.epochs(0).push("model", model_packet(0));
  CHECK_THAT(t.printed(), ContainsSubstring("[19]"));
}

TEST_CASE("Print without an input is refused") {
  StageTester t("print");
  const auto errors = t.infer();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].name == "missing-input");
}

TEST_CASE("Every built-in stage describes itself in full") {
  const std::vector<std::string> names = linked().names();
  REQUIRE(names.size() >= 9);
  for (const std::string& name : names) {
    const StageDescriptor& spec = linked().find(name)->spec;
    CAPTURE(name);
    CHECK(spec.summary().ends_with("."));
    CHECK_THAT(spec.example(), ContainsSubstring("stage: " + name));
    const bool has_ports = !spec.inputs().empty() || spec.any_input() != nullptr || !spec.outputs().empty() ||
                           spec.any_output() != nullptr;
    CHECK(has_ports);
    for (const Param& param : spec.params()) {
      CAPTURE(param.name);
      CHECK_FALSE(param.doc.empty());
    }
  }
}
