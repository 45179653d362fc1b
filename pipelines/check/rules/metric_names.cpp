// Gives each port a prefix, from the sink that reads it or from its node's role, then finds clashes through hash tables of names and prefixes
// in one pass over the ports.
#include "metric_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

class MetricNames {
 public:
  MetricNames(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics& diagnostics)
      : checked_(checked), graph_(graph), diagnostics_(diagnostics) {}

  void decide() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) note_reports(i);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
      for (const auto& [port, spec] : graph_.nodes[i].outputs)
        if (spec.kind == PortKind::metrics) name_port(i, port);
  }

 private:
  using Port = std::pair<std::size_t, std::string>;  ///< a node and its port
  struct Given {
    std::string prefix;
    Location where;
  };
  using Names = std::vector<std::string>;

  // What node `reader` calls the ports that it reads.
  void note_reports(std::size_t reader) {
    const ValidatedNode& node = graph_.nodes[reader];
    if (node.reports.empty()) return;
    std::map<std::string, std::string> prefixes(node.reports.begin(), node.reports.end());
    std::map<std::string, const EdgeSpec*> written;
    for (const CheckedEdge& edge : checked_.nodes[checked_.order[reader]].inputs) written.emplace(edge.port, edge.spec);
    for (const ValidatedEdge& edge : node.inputs)
      if (const auto prefix = prefixes.find(edge.port); prefix != prefixes.end())
        given_[{edge.from_node, edge.from_port}].push_back({prefix->second, place_of(node, written, edge.port)});
  }

  static Location place_of(const ValidatedNode& reader, const std::map<std::string, const EdgeSpec*>& written,
                           const std::string& input) {
    const auto edge = written.find(input);
    if (edge == written.end()) return reader.where;
    return edge->second->port_where.source ? edge->second->port_where : edge->second->where;
  }

  void name_port(std::size_t index, const std::string& port) {
    const ValidatedNode& node = graph_.nodes[index];
    std::vector<Given> given = given_[{index, port}];
    if (given.empty()) given.push_back({own_prefix(node, port), node.where});
    const auto measured = std::find_if(node.measures.begin(), node.measures.end(),
                                       [&](const auto& measures) { return measures.first == port; });
    for (Given& each : given) {
      if (node.is_test) {
        graph_.tested.push_back({node.name, port, std::move(each.prefix), std::move(each.where)});
        continue;
      }
      graph_.reported.push_back({node.name, port, std::move(each.prefix), std::move(each.where)});
      take_names(measured == node.measures.end() ? Names() : measured->second);
    }
  }

  std::string own_prefix(const ValidatedNode& node, const std::string& port) const {
    const auto ports = std::count_if(node.outputs.begin(), node.outputs.end(),
                                     [](const auto& output) { return output.second.kind == PortKind::metrics; });
    if (ports > 1) return fmt::format("{}_{}_", node.name, port);
    if (trainers_ == 1 && graph_.is_trainer(node)) return "";
    if (node.is_test && tests_ == 1 && graph_.is_evaluator(node)) return "test_";
    if (!node.is_test && evaluators_ == 1 && graph_.is_evaluator(node)) return "val_";
    return node.name + "_";
  }

  std::int64_t count(bool (ValidatedGraph::*is)(const ValidatedNode&) const, bool of_test) const {
    return std::count_if(graph_.nodes.begin(), graph_.nodes.end(),
                         [&](const ValidatedNode& node) { return node.is_test == of_test && (graph_.*is)(node); });
  }

  // For the port that was listed last; no names: they are not known.
  void take_names(const Names& names) {
    const std::size_t mine = graph_.reported.size() - 1;
    const std::string& prefix = graph_.reported[mine].prefix;
    Clash clash{mine, ""};
    for (const std::string& name : names) {
      if (prefix.empty() && (name.empty() || name == kReservedMetric)) report_reserved(graph_.reported[mine], name);
      look(by_name_, prefix + name, prefix + name, clash);
    }
    look(names.empty() ? by_prefix_ : by_prefix_of_unknown_, prefix, prefix + "...", clash);
    if (clash.first != mine) report(graph_.reported[clash.first], graph_.reported[mine], clash.name);
    for (const std::string& name : names) by_name_.emplace(prefix + name, mine);
    by_prefix_.emplace(prefix, mine);
    if (names.empty()) by_prefix_of_unknown_.emplace(prefix, mine);
  }

  using Firsts = std::unordered_map<std::string, std::size_t>;  ///< the first in `reported` that has it
  struct Clash {
    std::size_t first;  ///< the earliest of the ports that clash with one
    std::string name;
  };

  static void look(const Firsts& in, const std::string& key, std::string name, Clash& clash) {
    const auto found = in.find(key);
    if (found != in.end() && found->second < clash.first) clash = {found->second, std::move(name)};
  }

  void report_reserved(const ReportedPort& port, const std::string& name) {
    diagnostics_.add({{.kind = ErrorKind::config,
                       .name = "reserved-metric",
                       .message = fmt::format("`{}.{}` would tell a metric `{}`, which no metric may be called",
                                              port.node, port.port, name),
                       .help = "wire it into a metrics_sink under another name than `train`"},
                      port.where,
                      "gives that name"});
  }

  void report(const ReportedPort& first, const ReportedPort& second, const std::string& name) {
    diagnostics_.add(
        {{.kind = ErrorKind::config,
          .name = "metric-clash",
          .message = fmt::format("`{}` would be both a metric of `{}.{}` and one of `{}.{}`", name, first.node,
                                 first.port, second.node, second.port),
          .help = "wire one of the two into a metrics_sink under another name: `train` adds nothing, `valid` adds "
                  "`val_`, any other name itself",
          .notes = {fmt::format("the first gets its name at {}", place_text(first.where))}},
         second.where,
         "gives that name too"});
  }

  const CheckedGraph& checked_;
  ValidatedGraph& graph_;
  Diagnostics& diagnostics_;
  const std::int64_t trainers_ = count(&ValidatedGraph::is_trainer, false),
                     evaluators_ = count(&ValidatedGraph::is_evaluator, false),
                     tests_ = count(&ValidatedGraph::is_evaluator, true);
  std::map<Port, std::vector<Given>> given_;
  Firsts by_name_, by_prefix_, by_prefix_of_unknown_;
};

}  // namespace

void name_metrics(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics& diagnostics) {
  MetricNames(checked, graph, diagnostics).decide();
}

}  // namespace millrace::pipelines
