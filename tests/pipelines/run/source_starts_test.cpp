// With which row a source begins an epoch in whose middle a run goes on, and why it does not.
#include "run/first_rows.hpp"

#include "built_in_graph.hpp"
#include "catch.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {
namespace {

constexpr const char* kConfig = R"(
version: 1
epochs: 2
device: cpu
graph:
  rows:    {stage: table_source, with: {block_rows: 5, columns: {x: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]}}}
  small:   {stage: normalize, in: rows.x, with: {scale: 1/26}}
  batches: {stage: batcher, in: {inputs: small, targets: rows.x}, with: {batch_size: 4}}
  learn:   {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse}}
  others:  {stage: batcher, in: {inputs: rows.x, targets: small}, with: {batch_size: 6}}
  second:  {stage: trainer, in: others, with: {model: [dense: {units: 1}], loss: mse}}
  all:     {stage: table_source, with: {columns: {x: [0, 1]}}}
  tests:   {stage: batcher, in: {inputs: all.x, targets: all.x}, with: {batch_size: 1}}
  try:     {stage: evaluator, in: {data: tests, model: learn.model}}
)";

NodeState state_of(const std::string& node, std::uint32_t epoch, std::uint64_t row) {
  return {node, {epoch, 0, row, false}, {}};
}

std::int64_t row_of(ValidatedGraph graph, const std::vector<NodeState>& loaded) {
  const std::vector<SourceStart> starts = source_starts(graph);
  REQUIRE(starts.size() == 1);
  return first_row(graph, starts.front(), loaded);
}

std::string why_replayed(const std::string& more, const std::vector<std::string>& sets) {
  const ValidatedGraph graph = graph_of_text(kConfig + more, sets);
  const std::vector<SourceStart> starts = source_starts(graph);
  REQUIRE(starts.size() == 1);
  return starts.front().replays;
}

}  // namespace

TEST_CASE("a source begins where the batches of all trainers are cut", "[source_starts]") {
  const ValidatedGraph graph = graph_of_text(kConfig);
  const std::vector<SourceStart> starts = source_starts(graph);
  REQUIRE(starts.size() == 1);
  CHECK(graph.nodes[starts.front().sources.at(0)].name == "rows");
  CHECK(starts.front().keepers.size() == 2);
  CHECK(starts.front().step == 12);
  CHECK(starts.front().replays.empty());
}

TEST_CASE("it begins with what the trainer that has come least far has not had", "[source_starts]") {
  const auto row = [](std::uint64_t learn, std::uint64_t second) {
    return row_of(graph_of_text(kConfig), {state_of("learn", 1, learn), state_of("second", 1, second)});
  };
  CHECK(row(8, 12) == 0);
  CHECK(row(12, 12) == 12);
  CHECK(row(20, 18) == 12);
  CHECK(row(24, 24) == 24);
  CHECK(row(26, 26) == 24);  // the last batch comes again: it ends the epoch
}

TEST_CASE("a trainer that begins the epoch anew has every row before it", "[source_starts]") {
  CHECK(row_of(graph_of_text(kConfig), {state_of("learn", 1, 24)}) == 0);
  ValidatedGraph second_epoch = graph_of_text(kConfig);
  second_epoch.first_epoch = 2;
  CHECK(row_of(std::move(second_epoch), {state_of("learn", 1, 26), state_of("second", 2, 24)}) == 0);
}

TEST_CASE("why an epoch is replayed is said", "[source_starts]") {
  CHECK(why_replayed("  look: {stage: print, in: {in: others}}\n", {}) == "node `look` takes all rows of an epoch");
  CHECK(why_replayed("", {"rows.run.isolate=process"}) == "source `rows` works in a process of its own");
}

}  // namespace millrace::pipelines
