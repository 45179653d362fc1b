// Without this a slip in the name would keep no best checkpoint, and nobody would hear of it.
#include "monitor_check.hpp"

#include "diagnostics/suggestions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {
namespace {

const std::vector<std::string>* measured_by(const ValidatedGraph& graph, const ReportedPort& port) {
  for (const ValidatedNode& node : graph.nodes)
    for (const auto& [output, names] : node.measures)
      if (node.name == port.node && output == port.port) return &names;
  return nullptr;
}

/// All that the history will have; nothing where that is not known.
std::optional<std::vector<std::string>> told_metrics(const ValidatedGraph& graph) {
  std::vector<std::string> all;
  for (const ReportedPort& port : graph.reported) {
    const std::vector<std::string>* const names = measured_by(graph, port);
    if (names == nullptr) return std::nullopt;
    for (const std::string& name : *names) all.push_back(port.prefix + name);
  }
  return all;
}

}  // namespace

void check_monitor(const KeepSpec& keep, const ValidatedGraph& graph, Diagnostics& diagnostics) {
  if (keep.monitor.empty()) return;
  const auto told = told_metrics(graph);
  if (!told || std::find(told->begin(), told->end(), keep.monitor) != told->end()) return;
  diagnostics.add(
      {{.kind = ErrorKind::config,
        .name = "unknown-metric",
        .message = fmt::format("`keep` chooses the best checkpoint by `{}`, which no node tells", keep.monitor),
        .help = did_you_mean(keep.monitor, *told, "metrics")},
       keep.monitor_where});
}

}  // namespace millrace::pipelines
