// Which stages can run in a process of their own: those whose packets are bytes that both processes can read.
#include "isolation_check.hpp"

#include "diagnostics/suggestions.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

std::string nodes_that_can(const CheckedGraph& graph) {
  std::vector<std::string> names;
  for (const CheckedNode& node : graph.nodes)
    if (node.info != nullptr && why_not_isolated(node).empty()) names.push_back(node.spec->name);
  return name_list(names);
}

void report(const CheckedGraph& graph, const CheckedNode& node, const DocMember& isolate, Diagnostics& diagnostics) {
  diagnostics.add(
      {{.kind = ErrorKind::config,
        .name = "cannot-isolate",
        .message =
            fmt::format("node `{}` (stage {}) cannot run in a process of its own", node.spec->name, node.info->name),
        .help = "sources, transforms, and serial stages whose ports carry data can; here: " + nodes_that_can(graph)},
       isolate.value.where,
       why_not_isolated(node)});
}

void check(const CheckedGraph& graph, const CheckedNode& node, Diagnostics& diagnostics) {
  const DocMember* isolate = node.spec->run.find("isolate");
  const bool in_process =
      isolate != nullptr && node.run["isolate"].is_text() && node.run["isolate"].text() == "process";
  if (in_process && !why_not_isolated(node).empty()) report(graph, node, *isolate, diagnostics);
}

}  // namespace

// What is connected counts: `print` can be isolated while it prints rows, not while it prints a model.
std::string why_not_isolated(const CheckedNode& node) {
  const StageDescriptor& spec = node.info->spec;
  const auto says = [](const std::string& port, PortKind kind) {
    return fmt::format("its port `{}` carries {}", port, kind == PortKind::model ? "a model" : "metrics");
  };
  if (spec.does_copy_to_device() || spec.does_read_on_device()) return "it works on the device";
  if (spec.does_communicate()) return "it talks to the other processes of a run";
  for (const CheckedEdge& edge : node.inputs)
    if (edge.kind != PortKind::data) return says(edge.port, edge.kind);
  for (const PortDecl& port : node.outputs)
    if (port.kind != PortKind::data) return says(port.name, port.kind);
  return {};
}

void check_isolation(const CheckedGraph& graph, Diagnostics& diagnostics) {
  for (const CheckedNode& node : graph.nodes)
    if (node.info != nullptr && node.run.is_map()) check(graph, node, diagnostics);
}

}  // namespace millrace::pipelines
