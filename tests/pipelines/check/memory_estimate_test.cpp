// The bound when a run has widened what it was made of.
#include "check/memory_estimate.hpp"
#include "built_in_graph.hpp"
#include "catch.hpp"

using namespace millrace::pipelines;

TEST_CASE("blocks that a run added count as if they had been planned") {
  Diagnostics diagnostics;
  ValidatedGraph graph = load_graph(MILLRACE_CONFIG, {}, built_in_stages(), diagnostics);
  REQUIRE_FALSE(diagnostics.has_errors());
  ValidatedNode& source = graph.nodes.front();
  REQUIRE(source.inputs.empty());
  for (auto& [port, spec] : source.outputs) spec.rows_per_pass.reset();
  const std::size_t planned = memory_estimate(graph, 0).total;
  CHECK(bytes_beyond_estimate(graph, {}) == 0);
  const std::size_t more = bytes_beyond_estimate(graph, {{source.name, source.budget_blocks + 50}});
  source.budget_blocks += 50;
  CHECK(more > 0);
  CHECK(planned + more == memory_estimate(graph, 0).total);
}
