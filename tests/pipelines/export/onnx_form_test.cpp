// Graphs of ONNX from configs: which nodes, in which order, with which shapes.
#include "catch.hpp"

#include "built_in_graph.hpp"
#include "check/validator.hpp"
#include "config/spec/document_reader.hpp"
#include "config/spec/spec_builder.hpp"
#include "error_of.hpp"
#include "export/model_form.hpp"
#include "export/onnx_graph.hpp"
#include "export/row_form.hpp"
#include "temp_folder.hpp"

#include <fmt/format.h>
#include <millrace/error.hpp>

#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::pipelines;
using namespace millrace::testing;
using namespace std::string_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr const char* kDense =
    "[dense: {units: 3, activation: relu}, dropout: {rate: 0.5}, dense: {units: 1, use_bias: false}]";

/// A config and the graph that is made of it.
struct Whole {
  explicit Whole(const std::string& text) {
    const TempFolder folder;
    Diagnostics diagnostics;
    spec =
        build_spec(*read_document(folder.file("config.yaml", text), diagnostics), {}, built_in_stages(), diagnostics);
    graph = validate(spec, built_in_stages(), diagnostics);
    INFO(render(diagnostics));
    REQUIRE(diagnostics.empty());
  }
  ModelRows rows() const { return model_rows({spec, graph, built_in_stages()}, "learn"); }

  GraphSpec spec;
  ValidatedGraph graph;
};

/// A column x, prepared by `rows`, the nodes from `x` to `ready`.
Whole graph_with(const std::string& rows, const std::string& layers = kDense, const std::string& loss = "mse",
                 const std::string& type = "f32", const std::string& more = "") {
  return Whole(fmt::format(
      "version: 1\nname: small\nepochs: 1\ngraph:\n"
      "  table: {{stage: table_source, with: {{columns: {{x: [1, 2, 3], y: [1, 0, 1]}}, dtypes: {{x: {}}}}}}}\n{}"
      "  batches: {{stage: batcher, in: {{targets: table.y, inputs: ready}}, with: {{batch_size: 2}}}}\n"
      "  learn: {{stage: trainer, in: batches, with: {{model: {}, loss: {}}}}}\n{}",
      type, rows, layers, loss, more));
}

ModelSnapshot snapshot_of(const Whole& whole) {
  const auto model = whole.rows().model;
  std::vector<float> weights(static_cast<std::size_t>(model->parameters()));
  std::iota(weights.begin(), weights.end(), 1.0F);
  return {model, Loss::mse, 1, std::move(weights)};
}

OnnxGraph onnx_of(const Whole& whole) {
  const RowForm form = row_form(whole.rows());
  return onnx_graph_of(snapshot_of(whole), &form);
}

std::vector<std::string> ops(const OnnxGraph& graph) {
  std::vector<std::string> names;
  for (const OnnxNode& node : graph.nodes) names.push_back(node.op);
  return names;
}

const OnnxConstant& constant(const OnnxGraph& graph, const std::string& name) {
  for (const OnnxConstant& one : graph.constants)
    if (one.name == name) return one;
  FAIL("no constant " << name);
  return graph.constants.front();
}

template <class T>
T value_of(const OnnxConstant& one) {
  REQUIRE(one.bytes.size() == sizeof(T));
  T value;
  std::memcpy(&value, one.bytes.data(), sizeof(T));
  return value;
}

using Ops = std::vector<std::string>;

}  // namespace

TEST_CASE("Layers become Gemm and their activation, weights keep their names, dropout is left out") {
  const OnnxGraph onnx = onnx_of(graph_with("  ready: {stage: flatten, in: table.x}\n"));
  CHECK(ops(onnx) == Ops{"Flatten", "Gemm", "Relu", "Gemm", "Identity"});
  CHECK(onnx.nodes[1].inputs == Ops{"ready/rows", "0.weight", "0.bias"});
  CHECK(onnx.nodes[1].attributes.front() == std::pair<std::string, std::int64_t>{"transB", 1});
  CHECK(onnx.nodes[3].inputs == Ops{"layer0/values", "3.weight"});
  CHECK(constant(onnx, "0.weight").shape == std::vector<std::int64_t>{3, 1});
  REQUIRE(onnx.inputs.size() == 1);
  CHECK(onnx.inputs[0].name == "x");
  CHECK(onnx.inputs[0].row_shape == RowShape{1});
  REQUIRE(onnx.outputs.size() == 1);
  CHECK(onnx.outputs[0].name == "output");
  CHECK(onnx.outputs[0].row_shape == RowShape{1});
}

TEST_CASE("A softmax gives probabilities and classes, a sigmoid probabilities alone") {
  const std::string rows = "  ready: {stage: flatten, in: table.x}\n";
  const OnnxGraph one = onnx_of(graph_with(rows, "[dense: {units: 1, activation: sigmoid}]", "binary_crossentropy"));
  CHECK(ops(one) == Ops{"Flatten", "Gemm", "Sigmoid"});
  CHECK(one.outputs.size() == 1);
  CHECK(one.outputs[0].name == "probabilities");

  const OnnxGraph three = onnx_of(
      Whole("version: 1\nname: small\nepochs: 1\ngraph:\n"
            "  table: {stage: table_source, with: {columns: {x: [1, 2, 3], y: [a, b, a]}}}\n"
            "  hot: {stage: one_hot, in: table.y, with: {classes: 2}}\n"
            "  batches: {stage: batcher, in: {inputs: table.x, targets: hot}, with: {batch_size: 2}}\n"
            "  learn: {stage: trainer, in: batches, with: {model: [dense: {units: 2, activation: softmax}], loss: "
            "categorical_crossentropy}}\n"));
  CHECK(ops(three) == Ops{"Gemm", "Softmax", "ArgMax"});
  REQUIRE(three.outputs.size() == 2);
  CHECK(three.outputs[1].name == "class");
  CHECK(three.outputs[1].type == OnnxType::i64);
  CHECK(three.outputs[1].row_shape.empty());
}

TEST_CASE("normalize keeps its order of roundings: float32 by product and sum, all else in float64") {
  const OnnxGraph scaled =
      onnx_of(graph_with("  ready: {stage: normalize, in: table.x, with: {scale: 0.1, offset: 2}}\n"));
  CHECK(Ops{scaled.nodes[0].op, scaled.nodes[1].op, scaled.nodes[2].op} == Ops{"Mul", "Add", "Gemm"});
  CHECK(value_of<float>(constant(scaled, "ready/scale")) == 0.1F);
  CHECK(value_of<float>(constant(scaled, "ready/offset")) == 2.0F);

  const OnnxGraph standard =
      onnx_of(graph_with("  ready: {stage: normalize, in: table.x, with: {mean: 2, std: 0.3}}\n"));
  CHECK(Ops{standard.nodes[0].op, standard.nodes[1].op, standard.nodes[2].op, standard.nodes[3].op} ==
        Ops{"Cast", "Sub", "Div", "Cast"});
  CHECK(value_of<double>(constant(standard, "ready/std")) == 0.3);

  const OnnxGraph wide = onnx_of(
      graph_with("  half: {stage: normalize, in: table.x, with: {scale: 0.1}}\n  ready: {stage: flatten, in: half}\n",
                 kDense, "mse", "i32"));
  CHECK(wide.inputs[0].type == OnnxType::i32);
  CHECK(Ops{wide.nodes[0].op, wide.nodes[1].op, wide.nodes[2].op, wide.nodes[3].op} ==
        Ops{"Cast", "Mul", "Add", "Cast"});
  CHECK(value_of<double>(constant(wide, "half/scale")) == static_cast<double>(0.1F));
}

TEST_CASE("What is measured is prepared as in use: the evaluator's way counts, not the trainer's") {
  const Whole graph =
      graph_with("  ready: {stage: normalize, in: table.x, with: {scale: 0.5}}\n", kDense, "mse", "f32",
                 "  other: {stage: table_source, with: {columns: {u: [1, 2], v: [0, 1]}}}\n"
                 "  same: {stage: normalize, in: other.u, with: {scale: 0.5}}\n"
                 "  tests: {stage: batcher, in: {inputs: same, targets: other.v}, with: {batch_size: 2}}\n"
                 "  try: {stage: evaluator, in: {data: tests, model: learn.model}}\n");
  const ModelRows rows = graph.rows();
  CHECK(rows.end == "try");
  CHECK(rows.source == OutputName{"other", "u"});
  REQUIRE(rows.nodes.size() == 2);
  CHECK(rows.nodes[0].node->name == "same");
  CHECK(rows.nodes[1].node->name == "tests");
}

TEST_CASE("A stage without a form is named, and what to do") {
  const Whole graph = Whole(
      "version: 1\nname: small\nepochs: 1\ngraph:\n"
      "  table: {stage: table_source, with: {columns: {x: [a, b], y: [1, 2]}}}\n"
      "  hot: {stage: one_hot, in: table.x, with: {classes: 2}}\n"
      "  batches: {stage: batcher, in: {inputs: hot, targets: table.y}, with: {batch_size: 2}}\n"
      "  learn: {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse}}\n");
  const Error error = error_of([&] { onnx_of(graph); });
  CHECK(error.name() == "export-stage");
  CHECK_THAT(error.message(), ContainsSubstring("`hot`") && ContainsSubstring("`one_hot`"));
  CHECK_THAT(error.help(), ContainsSubstring("--without-preprocessing"));
  const ModelUse use = model_use(graph.rows());
  CHECK(!use.rows);
  CHECK(use.why_no_rows == error.message());
  const OnnxGraph alone = onnx_graph_of(snapshot_of(graph), nullptr);
  CHECK(alone.inputs[0].name == "inputs");
  CHECK(alone.inputs[0].row_shape == RowShape{2});
  CHECK(ops(alone) == Ops{"Gemm", "Identity"});
}

TEST_CASE("A model of ONNX begins with its version and its producer, and ends with what people want to know") {
  OnnxGraph graph;
  graph.name = "g";
  graph.metadata = {{"k", "v"}};
  const std::string text = onnx_text(graph);
  CHECK(text.starts_with("\x08\x07\x12\x08millrace\x1a"s));
  CHECK(text.ends_with("\x3a\x03\x12\x01g\x42\x04\x0a\x00\x10\x0d\x72\x06\x0a\x01k\x12\x01v"s));
}

TEST_CASE("How a model is used says the same steps as its ONNX graph, and the batches that are measured") {
  const Whole graph = graph_with(
      "  half: {stage: normalize, in: table.x, with: {mean: 2, std: 0.3}}\n  ready: {stage: flatten, in: half}\n");
  const ModelUse use = model_use(graph.rows());
  REQUIRE(use.rows);
  CHECK(use.rows->dtype == DType::f32);
  REQUIRE(use.rows->steps.size() == 4);
  CHECK(use.rows->steps[0].to == DType::f64);
  CHECK(use.rows->steps[1].op == RowOp::subtract);
  CHECK(use.rows->steps[1].operand == 2);
  CHECK(use.rows->steps[2].op == RowOp::divide);
  CHECK(use.rows->steps[2].operand == 0.3);
  CHECK(use.rows->steps[3].to == DType::f32);
  CHECK(use.batch_rows == 2);
  CHECK(model_uses({graph.spec, graph.graph, built_in_stages()}).at("use.learn") == model_use_text(use));
}

TEST_CASE("Of several trainers one is named, and each has its use") {
  const Whole graph(
      "version: 1\nname: two\nepochs: 1\ngraph:\n"
      "  table: {stage: table_source, with: {columns: {x: [1, 2], y: [1, 2]}}}\n"
      "  batches: {stage: batcher, in: {inputs: table.x, targets: table.y}, with: {batch_size: 2}}\n"
      "  learn: {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse}}\n"
      "  teach: {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse}}\n");
  const WholeGraph whole{graph.spec, graph.graph, built_in_stages()};
  CHECK(model_rows(whole, "teach").trainer == "teach");
  CHECK(error_of([&] { model_rows(whole, ""); }).name() == "several-models");
  CHECK(error_of([&] { model_rows(whole, "lear"); }).name() == "unknown-model");
  CHECK(model_uses(whole).size() == 2);
}
