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

/// All that is told by `ports`; nothing where that is not known.
std::optional<std::vector<std::string>> told_metrics(const ValidatedGraph& graph,
                                                     const std::vector<ReportedPort>& ports) {
  std::vector<std::string> all;
  for (const ReportedPort& port : ports) {
    const std::vector<std::string>* const names = measured_by(graph, port);
    if (names == nullptr) return std::nullopt;
    for (const std::string& name : *names) all.push_back(port.prefix + name);
  }
  return all;
}

std::vector<std::string> notes_of_tests(const ValidatedGraph& graph) {
  std::vector<std::string> notes;
  for (const ValidatedNode& node : graph.nodes)
    if (node.role == RowRole::test)
      notes.push_back(fmt::format("node `{}` at {} has `role: test`", node.name, place_text(node.where)));
  return notes;
}

bool is_of_test(const std::string& metric, const ValidatedGraph& graph) {
  const auto tested = told_metrics(graph, graph.tested);
  return tested && std::find(tested->begin(), tested->end(), metric) != tested->end();
}

Diagnostic test_monitored(const KeepSpec& keep, const ValidatedGraph& graph) {
  return {
      {.kind = ErrorKind::config,
       .name = "test-set-used",
       .message =
           fmt::format("`keep` would choose the best checkpoint by `{}`, which is of the test set", keep.monitor),
       .help = "choose by a metric of the validation, such as val_loss: who chooses by the test set has no test set",
       .notes = notes_of_tests(graph)},
      keep.monitor_where};
}

}  // namespace

void check_monitor(const KeepSpec& keep, const ValidatedGraph& graph, Diagnostics& diagnostics) {
  if (keep.monitor.empty()) return;
  if (is_of_test(keep.monitor, graph)) return diagnostics.add(test_monitored(keep, graph));
  const auto told = told_metrics(graph, graph.reported);
  if (!told || std::find(told->begin(), told->end(), keep.monitor) != told->end()) return;
  diagnostics.add(
      {{.kind = ErrorKind::config,
        .name = "unknown-metric",
        .message = fmt::format("`keep` chooses the best checkpoint by `{}`, which no node tells", keep.monitor),
        .help = did_you_mean(keep.monitor, *told, "metrics")},
       keep.monitor_where});
}

}  // namespace millrace::pipelines
