// The bound: of what a stage declares, and when a run has widened what it was made of.
#include "check/memory_estimate.hpp"
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "check/memory_check.hpp"
#include "idx_fixture.hpp"

#include <millrace/random.hpp>

using namespace millrace::pipelines;

TEST_CASE("blocks that a run added count as if they had been planned") {
  Diagnostics diagnostics;
  ValidatedGraph graph = load_graph(MILLRACE_CONFIG, {}, built_in_stages(), diagnostics);
  REQUIRE_FALSE(diagnostics.has_errors());
  ValidatedNode& source = graph.nodes.front();
  REQUIRE(source.inputs.empty());
  for (auto& [port, spec] : source.outputs) spec.rows_per_epoch.reset();
  const std::size_t planned = memory_estimate(graph, 0).total;
  CHECK(bytes_beyond_estimate(graph, {}) == 0);
  const std::size_t more = bytes_beyond_estimate(graph, {{source.name, source.budget_blocks + 50}});
  source.budget_blocks += 50;
  CHECK(more > 0);
  CHECK(planned + more == memory_estimate(graph, 0).total);
}

TEST_CASE("a refusal names the processes of isolated nodes where they take most") {
  Diagnostics diagnostics;
  ValidatedGraph graph = load_graph(MILLRACE_CONFIG, {}, built_in_stages(), diagnostics);
  REQUIRE_FALSE(diagnostics.has_errors());
  for (ValidatedNode& node : graph.nodes) node.isolated = true;
  graph.ranks.local_size = 1'000'000;  // who share this machine, so that its memory is too little
  check_memory(graph, diagnostics);
  REQUIRE(diagnostics.has_errors());
  const Diagnostic refusal = diagnostics.sorted().front();
  CHECK(refusal.name == "too-little-memory");
  CHECK_FALSE(refusal.notes.empty());
  CHECK(refusal.notes.front().find("processes of isolated nodes") != std::string::npos);
}

TEST_CASE("what isolated nodes take in their processes is not in the run's own") {
  Diagnostics diagnostics;
  ValidatedGraph graph = load_graph(MILLRACE_CONFIG, {}, built_in_stages(), diagnostics);
  REQUIRE_FALSE(diagnostics.has_errors());
  const MemoryEstimate together = memory_estimate(graph, 0);
  CHECK(together.in_own_process() == together.on_host());
  for (ValidatedNode& node : graph.nodes) node.isolated = true;
  const MemoryEstimate apart = memory_estimate(graph, 0);
  CHECK(apart.on_host() >= together.on_host() + graph.nodes.size() * apart.program);
  CHECK(apart.in_own_process() < apart.on_host() - graph.nodes.size() * apart.program);
}

TEST_CASE("the order of shuffled rows is planned where it is listed, and takes nothing where it is computed") {
  const millrace::testing::TempFolder folder;
  const auto order_bytes = [&](std::int64_t rows) {
    const auto count = static_cast<std::uint32_t>(rows);
    const std::string file =
        folder.file("rows", millrace::testing::idx_of_bytes({count}, std::vector<std::uint8_t>(count)));
    const ValidatedGraph graph =
        graph_of_text("version: 1\ngraph:\n  rows: {stage: idx_loader, with: {shuffle: true, images: " + file +
                      "}}\n"
                      "  show: {stage: print, in: rows.images}\n");
    for (const ValidatedNode& node : graph.nodes)
      for (const MemoryUse& use : node.memory)
        if (use.what == "order of the rows") return use.bytes;
    return SIZE_MAX;
  };
  CHECK(order_bytes(millrace::kMostListedRows) == std::size_t{4} << 20);
  CHECK(order_bytes(millrace::kMostListedRows + 1) == 0);
}
