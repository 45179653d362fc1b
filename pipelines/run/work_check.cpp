// The history knows what each node has told; the graph knows which of them train and measure.
#include "work_check.hpp"

#include "run_failures.hpp"

namespace millrace::pipelines {
namespace {

using Failures = std::vector<RunFailure>;

void add_missing_epochs(const ValidatedNode& node, const RunHistory& history, std::uint32_t first, std::uint32_t last,
                        Failures& failures) {
  for (const auto& [port, spec] : node.outputs) {
    if (spec.kind != PortKind::metrics) continue;
    const auto missing = history.missing(node.name, port, first, last);
    if (!missing.empty()) failures.push_back(missing_epochs(node, port, missing));
  }
}

// The model of a node that has told neither a step nor a metric is the one that it began with.
void add_untrained(const ValidatedGraph& graph, const RunHistory& history, Failures& failures) {
  for (const TrainedModel& trained : history.models())
    for (const ValidatedNode& node : graph.nodes)
      if (node.name == trained.node && graph.is_trainer(node) && !history.has_worked(node.name))
        failures.push_back(nothing_trained(node, graph.epochs));
}

}  // namespace

std::vector<RunFailure> check_work(const ValidatedGraph& graph, const RunHistory& history, std::uint32_t first,
                                   std::uint32_t last) {
  Failures failures;
  for (const ValidatedNode& node : graph.nodes)
    if (graph.is_trainer(node)) add_missing_epochs(node, history, first, last, failures);
  if (graph.epochs == 0) return failures;
  add_untrained(graph, history, failures);
  for (const ValidatedNode& node : graph.nodes)
    if (graph.is_evaluator(node) && !history.has_worked(node.name))
      failures.push_back(nothing_measured(node, graph.epochs));
  return failures;
}

}  // namespace millrace::pipelines
