// The order of the checks: what a node is, how nodes are wired, whether packets can flow, then what the stages say.
#include "validator.hpp"

#include "backpressure/budgets.hpp"
#include "check/graph/checked_graph.hpp"
#include "check/graph/config_hash.hpp"
#include "check/graph/node_seeds.hpp"
#include "check/rules/edge_check.hpp"
#include "check/rules/flow_check.hpp"
#include "check/rules/graph_order.hpp"
#include "check/rules/isolation_check.hpp"
#include "check/rules/measurement_check.hpp"
#include "check/rules/metric_names.hpp"
#include "check/rules/monitor_check.hpp"
#include "check/rules/node_check.hpp"
#include "check/rules/rank_check.hpp"
#include "device_feeds.hpp"
#include "inference.hpp"
#include "role_check.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/device.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

DeviceChoice decide_device(const GraphSpec& spec, const RankInfo& ranks, Diagnostics& diagnostics) {
  try {
    return choose_device(spec.device, ranks.local_rank, ranks.local_size);
  } catch (const Error& e) {
    diagnostics.add({e.problem(), spec.device_where});
    return {};  // the other checks go on as on a CPU
  }
}

// Fewer cores than this still get so many threads where they are asked for: they cost nothing worth mentioning, and whether
// results depend on threads can be tried on any machine.
constexpr int kThreadsAnywhere = 8;

long cores_of_machine() { return sysconf(_SC_NPROCESSORS_ONLN); }

/// `cores`: this process's part of them among several; 0 when it has all. More threads than cores only wait for each other, and
/// no result depends on their number.
void decide_threads(int wish, int cores, ValidatedGraph& graph) {
  const DeviceReport cpu = report_cpu();
  const std::string has = fmt::format("{} by {}", counted(cpu.cores, "core"), cpu.cores_from);
  graph.threads = wish > 0 ? std::min(wish, std::max(cpu.cores, kThreadsAnywhere)) : cores > 0 ? cores : cpu.cores;
  if (wish > graph.threads)
    graph.threads_reason =
        fmt::format("{} asked for, but {}: a run takes no more threads than cores, or {} if that is more", wish, has,
                    kThreadsAnywhere);
  else if (wish <= 0 && graph.threads < cores_of_machine())
    graph.threads_reason = cores > 0 ? fmt::format("{} for this process", counted(cores, "core")) : has;
}

// As config_text writes it: each value on a line with its origin.
std::size_t text_bytes(const DocNode& node) {
  constexpr std::size_t kLineBytes = 64;
  std::size_t bytes = kLineBytes + node.text.size();
  for (const DocNode& item : node.items) bytes += text_bytes(item);
  for (const DocMember& member : node.members) bytes += member.key.size() + text_bytes(member.value);
  return bytes;
}

ValidatedGraph start_graph(const GraphSpec& spec, const RankInfo& ranks, int cores, Diagnostics& diagnostics) {
  ValidatedGraph graph;
  graph.name = spec.name;
  graph.seed = spec.seed;
  graph.device = decide_device(spec, ranks, diagnostics);
  decide_threads(spec.threads, cores, graph);
  graph.ranks = ranks;
  graph.epochs = spec.epochs;
  graph.first_epoch = std::min(spec.epochs, 1U);
  graph.epochs_ahead = spec.epochs_ahead;
  graph.is_kept = spec.keep.is_kept;
  graph.config_bytes = text_bytes(spec.resolved);
  return graph;
}

// A node is broken only with a diagnostic that says so. Were one forgotten, the steps that rely on whole nodes would go on.
void require_whole_nodes(const CheckedGraph& checked, Diagnostics& diagnostics) {
  for (const CheckedNode& node : checked.nodes) {
    if (diagnostics.has_errors()) return;
    if (node.broken || node.info == nullptr)
      diagnostics.add({{.kind = ErrorKind::run,
                        .name = "internal-error",
                        .message = fmt::format("node `{}` cannot be used, and no check has said why", node.spec->name),
                        .help = "this is a defect of Millrace: please report it with the config"},
                       node.spec->where});
  }
}

}  // namespace

ValidatedGraph validate(const GraphSpec& spec, const StageRegistry& registry, Diagnostics& diagnostics,
                        const RankInfo& ranks, int cores) {
  ValidatedGraph graph = start_graph(spec, ranks, cores, diagnostics);
  CheckedGraph checked = check_nodes(spec, registry, diagnostics);
  check_edges(checked, diagnostics);
  order_nodes(checked, diagnostics);
  check_uses(checked, diagnostics);
  check_flow(checked, diagnostics);
  check_isolation(checked, diagnostics);
  check_device_reads(checked, graph.device.id, diagnostics);
  infer_nodes(checked, graph, diagnostics);
  require_whole_nodes(checked, diagnostics);
  number_seeds(checked, graph, diagnostics);
  if (!diagnostics.has_errors()) check_roles(checked, graph, diagnostics);
  if (!diagnostics.has_errors()) name_metrics(checked, graph, diagnostics);
  if (!diagnostics.has_errors()) check_monitor(spec.keep, graph, diagnostics);
  if (!diagnostics.has_errors()) share_rows(graph, diagnostics);
  if (!diagnostics.has_errors()) warn_of_measurements(graph, diagnostics);
  if (diagnostics.has_errors()) return graph;
  mark_device_feeds(graph);
  decide_budgets(checked, graph);
  graph.config_hash = config_hash(spec, graph);
  return graph;
}

}  // namespace millrace::pipelines
