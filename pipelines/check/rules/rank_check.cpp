// A depth-first walk upstream from each stage that communicates marks the nodes that see only this rank's rows; then the readers of
// such rows are checked for taking the part for the whole.
#include "rank_check.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

namespace millrace::pipelines {
namespace {

bool carries_rows(const ValidatedGraph& graph, const ValidatedEdge& edge) {
  return graph.spec_of(edge).kind == PortKind::data;
}

/// Reports `rank-rows`, once a node.
class RowReports {
 public:
  RowReports(const ValidatedGraph& graph, Diagnostics& diagnostics) : graph_(graph), diagnostics_(diagnostics) {}

  void add(const ValidatedNode& node, const std::string& what, std::string label, std::string help) {
    if (!told_.emplace(&node, what).second) return;
    named_.insert(&node);
    diagnostics_.add(
        {{.kind = ErrorKind::config,
          .name = "rank-rows",
          .message = fmt::format("node `{}` ({}) {}", node.name, node.info->name, what),
          .help = std::move(help),
          .notes = {fmt::format("this is a run over {} processes, each of which works on its part of every batch",
                                graph_.ranks.size)}},
         node.where,
         std::move(label)});
  }
  bool has_named(const ValidatedNode& node) const { return named_.contains(&node); }

 private:
  const ValidatedGraph& graph_;
  Diagnostics& diagnostics_;
  std::set<std::pair<const ValidatedNode*, std::string>> told_;
  std::set<const ValidatedNode*> named_;
};

/// Walks upstream from the data inputs of one stage that communicates.
class Walk {
 public:
  Walk(ValidatedGraph& graph, const ValidatedNode& reader, RowReports& reports)
      : graph_(graph), reader_(reader), reports_(reports) {}

  /// `batch_rows`: of the batcher between `node` and the reader; 0 when there was none yet.
  void visit(ValidatedNode& node, std::int64_t batch_rows) {
    if (!seen_.emplace(&node, batch_rows).second) return;
    const StageDescriptor& spec = node.info->spec;
    if (!spec.batch_rows_param().empty()) {
      if (batch_rows != 0) return report(node, "cuts batches that are cut again downstream", "use one batcher");
      batch_rows = node.params[spec.batch_rows_param()].integer();
      if (!check_batches(node, batch_rows)) return;
    } else if (node.info->kind == StageKind::serial) {
      return report(node, "may drop or add rows, so the ranks would not know which rows are theirs",
                    "drop rows before training, or start one process");
    }
    if (node.info->kind == StageKind::source) check_source(node, batch_rows);
    share(node, batch_rows);
    for (const ValidatedEdge& edge : node.inputs)
      if (carries_rows(graph_, edge)) visit(graph_.nodes[edge.from_node], batch_rows);
  }

 private:
  bool check_batches(const ValidatedNode& node, std::int64_t batch_rows) {
    if (batch_rows < graph_.ranks.size) {
      report(node, fmt::format("cuts batches of {} for {} processes", counted(batch_rows, "row"), graph_.ranks.size),
             "start fewer processes, or use larger batches");
      return false;
    }
    for (const auto& [name, port] : node.outputs)
      if (!port.rows_per_epoch) {
        report(node, "does not know how many rows an epoch has", "the source must say so in its infer");
        return false;
      }
    return true;
  }

  void check_source(const ValidatedNode& node, std::int64_t batch_rows) {
    if (batch_rows == 0)
      report(node, "sends rows that no stage cuts into batches", "put a batcher in between");
    else if (!node.info->spec.does_share_rows())
      report(node, "cannot send a part of its rows",
             "its descriptor must say shares_rows(), and its produce heed share()");
  }

  void share(ValidatedNode& node, std::int64_t batch_rows) {
    if (node.shared_batch_rows != 0 && batch_rows != 0 && node.shared_batch_rows != batch_rows)
      report(node, fmt::format("feeds batches of {} and of {}", node.shared_batch_rows, counted(batch_rows, "row")),
             "use a source of its own for each");
    // Downstream of the batcher the walk has not seen it yet; the batcher's own rows are filled in by settle().
    if (batch_rows != 0) node.shared_batch_rows = batch_rows;
  }

  void report(const ValidatedNode& node, const std::string& what, std::string help) {
    reports_.add(node, what, fmt::format("upstream of `{}`", reader_.name), std::move(help));
  }

  ValidatedGraph& graph_;
  const ValidatedNode& reader_;
  RowReports& reports_;
  std::set<std::pair<const ValidatedNode*, std::int64_t>> seen_;  ///< with the batch rows they were seen for
};

/// Nodes are in topological order: what is behind a batcher has its batches.
void settle(ValidatedGraph& graph) {
  for (ValidatedNode& node : graph.nodes)
    for (const ValidatedEdge& edge : node.inputs)
      if (carries_rows(graph, edge) && node.shared_batch_rows == 0)
        node.shared_batch_rows = graph.nodes[edge.from_node].shared_batch_rows;
}

bool reads_shared_rows(const ValidatedGraph& graph, const ValidatedNode& node) {
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](const ValidatedEdge& edge) {
    return carries_rows(graph, edge) && graph.nodes[edge.from_node].shared_batch_rows != 0;
  });
}

bool tells_metrics(const ValidatedNode& node) {
  return std::any_of(node.outputs.begin(), node.outputs.end(),
                     [](const auto& output) { return output.second.kind == PortKind::metrics; });
}

/// What would be computed from a rank's part of the rows as if that were all of them.
void check_partial_reader(const ValidatedNode& node, RowReports& reports) {
  const StageDescriptor& spec = node.info->spec;
  if (spec.does_communicate()) return;
  if (spec.do_rows_depend_on_packet())
    reports.add(node, "makes a row from other rows of its packet, of which each process has a part only", "this stage",
                "use it in a run of one process");
  else if (node.info->kind == StageKind::serial && spec.batch_rows_param().empty() && !spec.is_for_every_rank_alone())
    reports.add(node, "would see the rows of one process only, and tells nobody", "this stage",
                "start one process; or let the stage add up over the processes and say communicates(), or say "
                "every_rank_alone() where that is right");
  else if (spec.is_for_every_rank_alone() && tells_metrics(node))
    reports.add(node, "would tell what one process measures as that of the run", "this stage",
                "start one process; or let the stage add up over the processes and say communicates()");
}

}  // namespace

void share_rows(ValidatedGraph& graph, Diagnostics& diagnostics) {
  if (graph.ranks.size == 1) return;
  RowReports reports(graph, diagnostics);
  for (const ValidatedNode& node : graph.nodes) {
    if (!node.info->spec.does_communicate()) continue;
    for (const ValidatedEdge& edge : node.inputs)
      if (carries_rows(graph, edge)) Walk(graph, node, reports).visit(graph.nodes[edge.from_node], 0);
  }
  settle(graph);
  for (const ValidatedNode& node : graph.nodes)
    if (!reports.has_named(node) && reads_shared_rows(graph, node)) check_partial_reader(node, reports);
}

}  // namespace millrace::pipelines
