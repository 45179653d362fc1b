// A walk upstream along the data. Rows keep their numbers on the way, whoever prepares or batches them.
#include "declared_rows.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>

namespace millrace::pipelines {
namespace {

bool takes_rows(const ValidatedGraph& graph, const ValidatedEdge& edge) {
  return graph.spec_of(edge).kind == PortKind::data;
}

std::optional<RowRange> range_of(const ValidatedNode& source) {
  if (!source.rows_read.empty()) return RowRange{source.rows_read.front().first, source.rows_read.front().end};
  for (const auto& [port, spec] : source.outputs)
    if (spec.rows_per_epoch) return RowRange{0, *spec.rows_per_epoch};
  return std::nullopt;
}

}  // namespace

DeclaredRows declared_rows(const ValidatedGraph& graph, const ValidatedNode& node) {
  DeclaredRows declared;
  std::set<std::string> sources;
  std::set<std::size_t> seen;
  std::vector<const ValidatedNode*> open{&node};
  while (!open.empty()) {
    const ValidatedNode& at = *open.back();
    open.pop_back();
    for (const ValidatedEdge& edge : at.inputs) {
      if (!takes_rows(graph, edge) || !seen.insert(edge.from_node).second) continue;
      const ValidatedNode& from = graph.nodes[edge.from_node];
      if (from.may_drop_rows()) declared.between.push_back(fmt::format("`{}` ({})", from.name, from.info->name));
      open.push_back(&from);
      if (from.info->kind != StageKind::source) continue;
      sources.insert(from.name);
      declared.source = from.name;
      if (const auto range = range_of(from))
        declared.range = *range;
      else
        declared.unknown = fmt::format("source `{}` does not say which rows an epoch has", from.name);
    }
  }
  if (sources.size() != 1) declared.unknown = fmt::format("its rows come from {} sources", sources.size());
  return declared;
}

}  // namespace millrace::pipelines
