// The bound when a run has widened what it was made of.
#include "check/memory_estimate.hpp"
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "check/memory_check.hpp"

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
