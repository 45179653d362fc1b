// The rest is checked as a graph of its own: its budgets and memory are then those of what runs. Its warnings have been told with the whole.
#include "training_graph.hpp"

#include "check/graph/config_hash.hpp"
#include "check/validator.hpp"
#include "slice/training_part.hpp"

#include <utility>

namespace millrace::pipelines {

void leave_test_out(CheckedConfig& checked, const Peers* peers) {
  if (checked.diagnostics.has_errors() || !has_test_part(checked.graph)) return;
  GraphSpec part = training_part(checked.spec, checked.graph);
  Diagnostics found;
  ValidatedGraph graph =
      validate(part, checked.registry, found, peers ? peers->ranks() : RankInfo{}, peers ? peers->cores() : 0);
  if (found.has_errors()) checked.diagnostics.add_all(std::move(found));
  set_seed_numbers(seed_numbers(checked.graph), graph);
  graph.config_hash = config_hash(part, graph);
  graph.is_kept = checked.graph.is_kept;
  std::swap(checked.graph, graph);
  destroy_stages(graph);
  checked.spec = std::move(part);
}

}  // namespace millrace::pipelines
