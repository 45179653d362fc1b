#include "metric_names.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

class MetricNames {
 public:
  MetricNames(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics& diagnostics)
      : checked_(checked), graph_(graph), diagnostics_(diagnostics) {}

  void decide() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
      for (const auto& [port, spec] : graph_.nodes[i].outputs)
        if (spec.kind == PortKind::metrics) name_port(i, port);
    for (std::size_t second = 1; second < graph_.reported.size(); ++second) refuse_clash(second);
  }

 private:
  void name_port(std::size_t node, const std::string& port) {
    const std::size_t before = graph_.reported.size();
    for (std::size_t reader = node + 1; reader < graph_.nodes.size(); ++reader)
      for (const ValidatedEdge& edge : graph_.nodes[reader].inputs)
        if (edge.from_node == node && edge.from_port == port) name_by(reader, edge);
    if (graph_.reported.size() == before)
      graph_.reported.push_back({graph_.nodes[node].name, port, own_prefix(node, port), graph_.nodes[node].where});
  }

  void name_by(std::size_t reader, const ValidatedEdge& edge) {
    for (const auto& [input, prefix] : graph_.nodes[reader].reports)
      if (input == edge.port)
        graph_.reported.push_back(
            {graph_.nodes[edge.from_node].name, edge.from_port, prefix, place_of(reader, edge.port)});
  }

  Location place_of(std::size_t reader, const std::string& input) const {
    for (const CheckedEdge& edge : checked_.nodes[checked_.order[reader]].inputs)
      if (edge.port == input) return edge.spec->port_where.source ? edge.spec->port_where : edge.spec->where;
    return graph_.nodes[reader].where;
  }

  std::string own_prefix(std::size_t index, const std::string& port) const {
    const ValidatedNode& node = graph_.nodes[index];
    const auto ports = std::count_if(node.outputs.begin(), node.outputs.end(),
                                     [](const auto& output) { return output.second.kind == PortKind::metrics; });
    if (ports > 1) return fmt::format("{}_{}_", node.name, port);
    if (graph_.is_trainer(node) && count(&ValidatedGraph::is_trainer) == 1) return "";
    if (graph_.is_evaluator(node) && count(&ValidatedGraph::is_evaluator) == 1) return "val_";
    return node.name + "_";
  }

  std::int64_t count(bool (ValidatedGraph::*is)(const ValidatedNode&) const) const {
    return std::count_if(graph_.nodes.begin(), graph_.nodes.end(),
                         [&](const ValidatedNode& node) { return (graph_.*is)(node); });
  }

  void refuse_clash(std::size_t second) {
    for (std::size_t first = 0; first < second; ++first)
      if (const std::string name = common_name(graph_.reported[first], graph_.reported[second]); !name.empty())
        return report(graph_.reported[first], graph_.reported[second], name);
  }

  std::string common_name(const ReportedPort& a, const ReportedPort& b) const {
    const std::vector<std::string> of_a = names_of(a), of_b = names_of(b);
    if (of_a.empty() || of_b.empty()) return a.prefix == b.prefix ? a.prefix + "..." : "";
    for (const std::string& name : of_a)
      if (std::find(of_b.begin(), of_b.end(), name) != of_b.end()) return name;
    return "";
  }

  /// Empty: not known.
  std::vector<std::string> names_of(const ReportedPort& reported) const {
    std::vector<std::string> names;
    for (const ValidatedNode& node : graph_.nodes)
      for (const auto& [port, given] : node.measures)
        if (node.name == reported.node && port == reported.port)
          for (const std::string& name : given) names.push_back(reported.prefix + name);
    return names;
  }

  void report(const ReportedPort& first, const ReportedPort& second, const std::string& name) {
    diagnostics_.add({ErrorKind::config,
                      "metric-clash",
                      fmt::format("`{}` would be both a metric of `{}.{}` and one of `{}.{}`", name, first.node,
                                  first.port, second.node, second.port),
                      second.where,
                      "gives that name too",
                      "wire one of the two into a metrics_sink under another name: `train` adds nothing, `valid` adds "
                      "`val_`, any other name itself",
                      {fmt::format("the first gets its name at {}", place_text(first.where))}});
  }

  const CheckedGraph& checked_;
  ValidatedGraph& graph_;
  Diagnostics& diagnostics_;
};

}  // namespace

void name_metrics(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics& diagnostics) {
  MetricNames(checked, graph, diagnostics).decide();
}

}  // namespace millrace::pipelines
