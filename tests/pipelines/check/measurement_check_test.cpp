// Rows that measure the model that they train: who is told of, and how much is looked at for it.
#include "check/rules/measurement_check.hpp"
#include "catch.hpp"

namespace millrace::pipelines {
namespace {

/// Nodes by hand: what matters here are kinds, edges and rows.
class Sketch {
 public:
  std::size_t source(const std::string& name, std::int64_t first, std::int64_t end) {
    const std::size_t index = add(name, source_, {}, PortKind::data);
    graph_.nodes[index].rows_read.push_back({"the file", first, end});
    return index;
  }
  std::size_t transform(const std::string& name, const std::vector<std::size_t>& from) {
    return add(name, transform_, from, PortKind::data);
  }
  std::size_t trainer(const std::string& name, std::size_t from) { return add(name, serial_, {from}, PortKind::model); }
  std::size_t evaluator(const std::string& name, const std::vector<std::size_t>& from) {
    return add(name, serial_, from, PortKind::metrics);
  }
  std::vector<std::string> warnings() const {
    Diagnostics found;
    warn_of_measurements(graph_, found);
    std::vector<std::string> messages;
    for (const Diagnostic& warning : found.warnings()) messages.push_back(warning.message);
    return messages;
  }

 private:
  std::size_t add(const std::string& name, const StageInfo& info, const std::vector<std::size_t>& from, PortKind kind) {
    ValidatedNode& node = graph_.nodes.emplace_back();
    node.name = name;
    node.where.line = static_cast<int>(graph_.nodes.size());
    node.info = &info;
    for (const std::size_t index : from) node.inputs.push_back({"in", index, "out"});
    node.outputs.emplace_back("out", PortSpec::of_kind(kind));
    return graph_.nodes.size() - 1;
  }
  static StageInfo info_of(StageKind kind) {
    StageInfo info;
    info.kind = kind;
    return info;
  }

  const StageInfo source_ = info_of(StageKind::source), transform_ = info_of(StageKind::transform),
                  serial_ = info_of(StageKind::serial);
  ValidatedGraph graph_;
};

TEST_CASE("of two models that are measured each is told with its own rows only") {
  Sketch sketch;
  const std::size_t one = sketch.source("one", 0, 10), two = sketch.source("two", 10, 20),
                    tests = sketch.source("tests", 5, 10);
  const std::size_t first = sketch.trainer("first", one), second = sketch.trainer("second", two);
  sketch.evaluator("compare", {tests, first, second});
  const std::vector<std::string> told = sketch.warnings();
  REQUIRE(told.size() == 1);
  CHECK(told[0].find("`first`") != std::string::npos);
}

TEST_CASE("rows that train two models are told of for each, also at one place of the config") {
  Sketch sketch;
  const std::size_t all = sketch.source("all", 0, 20);
  const std::size_t first = sketch.trainer("first", all), second = sketch.trainer("second", all);
  sketch.evaluator("one", {all, first});
  sketch.evaluator("two", {all, second});
  CHECK(sketch.warnings().size() == 2);
}

TEST_CASE("each node is looked at once, however many ways lead through it") {
  Sketch sketch;
  std::size_t rows = sketch.source("rows", 0, 10);
  const std::size_t learn = sketch.trainer("learn", rows);
  for (int i = 0; i < 60; ++i) rows = sketch.transform("t", {rows, rows});  // 2^60 ways
  sketch.evaluator("evaluate", {rows, learn});
  CHECK(sketch.warnings().size() == 1);
}

}  // namespace
}  // namespace millrace::pipelines
