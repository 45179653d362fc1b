// A depth-first search upstream from the evaluator and from its trainer finds their sources, whose ranges of rows are then intersected.
#include "overlap_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

namespace millrace::pipelines {
namespace {

PortKind kind_of(const ValidatedGraph& graph, const ValidatedEdge& edge) { return graph.spec_of(edge).kind; }

bool measures_a_model(const ValidatedGraph& graph, const ValidatedNode& node) {
  const bool takes_model = std::any_of(node.inputs.begin(), node.inputs.end(), [&](const ValidatedEdge& edge) {
    return kind_of(graph, edge) == PortKind::model;
  });
  return takes_model && std::any_of(node.outputs.begin(), node.outputs.end(),
                                    [](const auto& port) { return port.second.kind == PortKind::metrics; });
}

/// The sources whose rows all reach the data inputs of `node`. Each node is looked at once, by however many ways rows leave it.
std::set<std::size_t> sources_of(const ValidatedGraph& graph, const ValidatedNode& node) {
  std::set<std::size_t> sources, seen;
  std::vector<const ValidatedNode*> open{&node};
  while (!open.empty()) {
    const ValidatedNode& at = *open.back();
    open.pop_back();
    for (const ValidatedEdge& edge : at.inputs) {
      if (kind_of(graph, edge) != PortKind::data || !seen.insert(edge.from_node).second) continue;
      const ValidatedNode& from = graph.nodes[edge.from_node];
      if (from.info->kind == StageKind::source)
        sources.insert(edge.from_node);
      else if (!from.may_drop_rows())
        open.push_back(&from);
    }
  }
  return sources;
}

Diagnostic overlap(const ValidatedNode& measured, const ValidatedNode& trained, const RowsRead& rows,
                   std::int64_t first, std::int64_t end, const std::string& trainer) {
  Diagnostic warning;
  warning.name = "train-evaluate-overlap";
  warning.message =
      fmt::format("node `{}` ({}): rows {} to {} of {} measure a model that `{}` trains on them too, from node `{}`",
                  measured.name, measured.info->name, first, end - 1, rows.origin, trainer, trained.name);
  warning.where = measured.where;
  warning.help = "measure on rows that were not trained on: another split, or `rows: [first, count]` on both nodes";
  warning.severity = Severity::warning;
  return warning;
}

void compare(const ValidatedNode& measured, const ValidatedNode& trained, const std::string& trainer,
             Diagnostics& diagnostics) {
  for (const RowsRead& mine : measured.rows_read)
    for (const RowsRead& theirs : trained.rows_read) {
      const std::int64_t first = std::max(mine.first, theirs.first), end = std::min(mine.end, theirs.end);
      if (mine.origin == theirs.origin && first < end)
        diagnostics.add(overlap(measured, trained, mine, first, end, trainer));
    }
}

void check_measurement(const ValidatedGraph& graph, const ValidatedNode& node, Diagnostics& diagnostics) {
  const std::set<std::size_t> measuring = sources_of(graph, node);
  for (const ValidatedEdge& edge : node.inputs) {
    if (kind_of(graph, edge) != PortKind::model) continue;
    const ValidatedNode& trainer = graph.nodes[edge.from_node];
    const std::set<std::size_t> training = sources_of(graph, trainer);
    for (const std::size_t mine : measuring)
      for (const std::size_t theirs : training)
        compare(graph.nodes[mine], graph.nodes[theirs], trainer.name, diagnostics);
  }
}

}  // namespace

void warn_of_overlaps(const ValidatedGraph& graph, Diagnostics& diagnostics) {
  for (const ValidatedNode& node : graph.nodes)
    if (measures_a_model(graph, node)) check_measurement(graph, node, diagnostics);
}

}  // namespace millrace::pipelines
