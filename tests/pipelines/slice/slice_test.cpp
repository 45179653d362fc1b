// Slices of configs: what belongs to them, what feeds them, and that they give the bits of the whole graph.
#include "slice/slice.hpp"

#include "built_in_graph.hpp"
#include "catch.hpp"
#include "check/validator.hpp"
#include "config/spec/document_reader.hpp"
#include "config/spec/spec_builder.hpp"
#include "run/runner.hpp"
#include "temp_folder.hpp"

#include <optional>

namespace millrace::pipelines {
namespace {

constexpr const char* kConfig = R"(
version: 1
seed: 7
epochs: 3
threads: 4
device: cpu
chains:
  small: [normalize: {scale: 0.5}, flatten]
graph:
  first:   {stage: table_source, with: {shuffle: true, block_rows: 3, columns: {a: [1, 2, 3, 4, 5, 6, 7, 8, 9], b: [9, 8, 7, 6, 5, 4, 3, 2, 1]}}}
  second:  {stage: table_source, with: {shuffle: true, block_rows: 2, columns: {x: [0, 1, 2, 3, 4, 5, 6, 7, 8], y: [1, 0, 3, 2, 5, 4, 7, 6, 8]}}}
  scaled:  {chain: small, in: second.x}
  pairs:   {stage: batcher, in: {inputs: scaled, targets: second.y}, with: {batch_size: 4}}
  there:   {stage: transfer, in: pairs}
  others:  {stage: batcher, in: {inputs: first.a, targets: first.b}, with: {batch_size: 4}}
  learn:   {stage: trainer, in: others, with: {model: [dense: {units: 1}], loss: mse}}
  test:    {stage: evaluator, in: {data: there, model: learn.model}, with: {metrics: [loss]}}
)";

/// A config on its way to a graph, so that slices can be cut of it.
struct Whole {
  explicit Whole(const std::string& text) {
    const testing::TempFolder folder;
    Diagnostics found;
    spec = build_spec(*read_document(folder.file("config.yaml", text), found), {}, built_in_stages(), found);
    graph = validate(spec, built_in_stages(), found);
    INFO(render(found));
    REQUIRE(!found.has_errors());
  }
  GraphSpec cut(const SliceRequest& request) const { return cut_slice(spec, graph, built_in_stages(), request); }
  ValidatedGraph check(const GraphSpec& slice) const {
    Diagnostics found;
    ValidatedGraph checked = check_slice(slice, graph, built_in_stages(), found);
    INFO(render(found));
    REQUIRE(!found.has_errors());
    return checked;
  }

  GraphSpec spec;
  ValidatedGraph graph;
};

std::vector<std::string> names(const GraphSpec& slice) {
  std::vector<std::string> all;
  for (const NodeSpec& node : slice.nodes) all.push_back(node.name);
  return all;
}

const NodeSpec& node_of(const GraphSpec& slice, const std::string& name) {
  for (const NodeSpec& node : slice.nodes)
    if (node.name == name) return node;
  FAIL("no node " << name);
  return slice.nodes.front();
}

NodeSpec added(const std::string& name, const std::string& stage, std::vector<EdgeSpec> in, DocNode with = {}) {
  NodeSpec node;
  node.name = name;
  node.stage = stage;
  node.in = std::move(in);
  node.with = std::move(with);
  return node;
}

/// Rows of `field` that pass at an output: epoch and value.
std::vector<std::pair<std::uint32_t, float>> rows_at(ValidatedGraph& graph, const OutputName& output,
                                                     const std::string& field) {
  std::vector<std::pair<std::uint32_t, float>> rows;
  RunOptions options;
  options.captures = {{output.node, output.port, [&](const CapturedPacket& captured) {
                         for (const float value : captured.packet.tensor(field).f32())
                           rows.emplace_back(captured.epoch, value);
                         return true;
                       }}};
  const RunReport report = run(graph, options);
  for (const RunFailure& failure : report.failures) UNSCOPED_INFO(failure.message);
  CHECK(report.exit_code == 0);
  CHECK(report.leaked_bytes == 0);
  return rows;
}

}  // namespace

TEST_CASE("a slice has the nodes before what is captured, in the order of the file", "[slice]") {
  const Whole whole(kConfig);
  const GraphSpec slice = whole.cut({.captured = {{"there", "out"}}});
  CHECK(names(slice) == std::vector<std::string>{"second", "scaled.normalize", "scaled.flatten", "pairs", "there"});
  CHECK(node_of(slice, "there").is_captured);
  CHECK(!node_of(slice, "pairs").is_captured);
  CHECK(source_outputs(slice, built_in_stages()) == std::vector<OutputName>{{"second", "x"}, {"second", "y"}});
  CHECK(!slice.keep.is_kept);
  CHECK(names(whole.cut({.captured = {{"test", "metrics"}}})).size() == whole.spec.nodes.size());
}

TEST_CASE("a slice draws what the whole graph draws there, and gives its bits", "[slice]") {
  Whole whole(kConfig);
  ValidatedGraph slice = whole.check(whole.cut({.captured = {{"pairs", "out"}}}));
  for (const ValidatedNode& node : slice.nodes)
    for (const NodeSeed& seed : node.seeds) CHECK(seed.number == 2);  // `first` is not there, and keeps its number
  const auto alone = rows_at(slice, {"pairs", "out"}, "inputs");
  CHECK(alone.size() == 27);
  CHECK(alone == rows_at(whole.graph, {"pairs", "out"}, "inputs"));
}

TEST_CASE("a slice without a state begins at any epoch with the rows of that epoch", "[slice]") {
  const Whole whole(kConfig);
  const GraphSpec spec = whole.cut({.captured = {{"there", "out"}}});
  ValidatedGraph all = whole.check(spec), last = whole.check(spec);
  CHECK(starts_anywhere(last));
  last.first_epoch = 3;
  auto rows = rows_at(all, {"there", "out"}, "targets");
  std::erase_if(rows, [](const auto& row) { return row.first != 3; });
  CHECK(rows == rows_at(last, {"there", "out"}, "targets"));
  CHECK(!starts_anywhere(whole.check(whole.cut({.captured = {{"learn", "metrics"}}}))));
}

TEST_CASE("what is fed comes from elsewhere, and nothing before it is part of the slice", "[slice]") {
  const Whole whole(kConfig);
  SliceRequest request{.captured = {{"pairs", "out"}},
                       .fed = {{{"second", "x"}, {"first", "a"}}, {{"second", "y"}, {"first", "b"}}}};
  const GraphSpec slice = whole.cut(request);
  CHECK(names(slice) == std::vector<std::string>{"first", "scaled.normalize", "scaled.flatten", "pairs"});
  CHECK(node_of(slice, "scaled.normalize").in.front().from_node == "first");
  ValidatedGraph fed = whole.check(slice);
  const auto rows = rows_at(fed, {"pairs", "out"}, "targets");
  CHECK(rows.size() == 27);
  CHECK(rows.front().second != 0);
}

TEST_CASE("fields that an added node does not look at are not brought along", "[slice]") {
  const Whole whole(kConfig);
  SliceRequest request{
      .captured = {{"(seen)", "out"}},
      .added = {added("(seen)", "predictor", {{"data", "there", "out", {}, {}}, {"model", "learn", "model", {}, {}}})}};
  const GraphSpec slice = whole.cut(request);
  CHECK(node_of(slice, "pairs").in.size() == 1);
  CHECK(node_of(slice, "pairs").in.front().port == "inputs");
  CHECK(node_of(slice, "others").in.size() == 2);  // the trainer looks at both
  CHECK(source_outputs(slice, built_in_stages()) ==
        std::vector<OutputName>{{"first", "a"}, {"first", "b"}, {"second", "x"}});
  ValidatedGraph checked = whole.check(slice);
  CHECK(rows_at(checked, {"(seen)", "out"}, "value").size() == 27);
  // Captured as well, the record is wanted whole.
  request.captured.push_back({"there", "out"});
  CHECK(node_of(whole.cut(request), "pairs").in.size() == 2);
}

TEST_CASE("a slice is checked with the rules of every graph", "[slice]") {
  const Whole whole(kConfig);
  const SliceRequest request{.captured = {{"scaled.flatten", "out"}},
                             .fed = {{{"second", "x"}, {"pairs", "out"}}}};  // a circle
  Diagnostics found;
  check_slice(whole.cut(request), whole.graph, built_in_stages(), found);
  CHECK(found.has_errors());
  CHECK_THROWS(whole.cut({.captured = {{"nobody", "out"}}}));
}

}  // namespace millrace::pipelines
