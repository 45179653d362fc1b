// What a graph must keep to so that packets meet and nobody starves.
#include "checked_graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace millrace::pipelines {
namespace {

// Who numbers the packets of a port: the node, and for a Serial the port as well, since it counts each for itself.
struct Domain {
  std::size_t node;
  std::string port;
  bool operator==(const Domain&) const = default;
};

class FlowCheck {
 public:
  FlowCheck(const CheckedGraph& graph, Diagnostics& diagnostics)
      : graph_(graph), diagnostics_(diagnostics), inherited_(graph.nodes.size()), sources_(graph.nodes.size()) {}

  void run() {
    for (const std::size_t i : graph_.order) {
      visit(i);
      check_joins(i);
      check_holds(i);
    }
  }

 private:
  void visit(std::size_t i) {
    const CheckedNode& node = graph_.nodes[i];
    if (node.info != nullptr && node.info->kind == StageKind::source) sources_[i].insert(i);
    for (const CheckedEdge& edge : node.inputs) {
      sources_[i].insert(sources_[edge.from].begin(), sources_[edge.from].end());
      if (!inherited_[i]) inherited_[i] = domain_of(edge);
    }
  }

  std::optional<Domain> domain_of(const CheckedEdge& edge) const {
    const CheckedNode& producer = graph_.nodes[edge.from];
    if (producer.info == nullptr) return std::nullopt;
    switch (producer.info->kind) {
      case StageKind::source:
        return Domain{edge.from, ""};
      case StageKind::serial:
        return Domain{edge.from, edge.from_port};
      case StageKind::transform:
        return inherited_[edge.from];
    }
    return std::nullopt;
  }

  std::string text_of(const Domain& domain) const {
    const NodeSpec& node = *graph_.nodes[domain.node].spec;
    return fmt::format("`{}{}{}` ({}, {})", node.name, domain.port.empty() ? "" : ".", domain.port, node.stage,
                       place_text(node.where));
  }

  void check_joins(std::size_t i) {
    const CheckedNode& node = graph_.nodes[i];
    if (node.info == nullptr || node.info->spec.input_mode() != InputMode::joined) return;
    std::optional<Domain> first;
    for (const CheckedEdge& edge : node.inputs) {
      const auto domain = domain_of(edge);
      if (!domain) continue;
      if (!first) first = domain;
      if (*domain == *first) continue;
      diagnostics_.add({ErrorKind::config,
                        "join-mismatch",
                        fmt::format("node `{}` joins packets that are not numbered together", node.spec->name),
                        edge.spec->where,
                        "numbered by another node than the first input",
                        "take both from one source, or join before the stage that drops or regroups rows",
                        {fmt::format("`{}` is numbered by {}", node.inputs.front().port, text_of(*first)),
                         fmt::format("`{}` is numbered by {}", edge.port, text_of(*domain))}});
    }
  }

  const CheckedEdge* find_input(const CheckedNode& node, const std::string& port) const {
    const auto it =
        std::find_if(node.inputs.begin(), node.inputs.end(), [&](const CheckedEdge& e) { return e.port == port; });
    return it == node.inputs.end() ? nullptr : &*it;
  }

  void check_holds(std::size_t i) {
    const CheckedNode& node = graph_.nodes[i];
    if (node.info == nullptr) return;
    for (const StageSpec::Hold& hold : node.info->spec.holds()) {
      const CheckedEdge *data = find_input(node, hold.data), *until = find_input(node, hold.until);
      if (data == nullptr || until == nullptr) continue;
      for (const std::size_t source : sources_[data->from])
        if (sources_[until->from].contains(source)) return report_starvation(node, hold, *data, source);
    }
  }

  void report_starvation(const CheckedNode& node, const StageSpec::Hold& hold, const CheckedEdge& data,
                         std::size_t source) {
    const NodeSpec& from = *graph_.nodes[source].spec;
    diagnostics_.add({ErrorKind::config,
                      "starvation",
                      fmt::format("node `{}` would wait for itself: source `{}` feeds both `{}` and `{}`",
                                  node.spec->name, from.name, hold.data, hold.until),
                      data.spec->where,
                      fmt::format("held until `{}` of the same epoch arrives", hold.until),
                      fmt::format("read the data a second time, with a source of its own for `{}`", hold.data),
                      {fmt::format("the source is at {}", place_text(from.where))}});
  }

  const CheckedGraph& graph_;
  Diagnostics& diagnostics_;
  std::vector<std::optional<Domain>> inherited_;
  std::vector<std::set<std::size_t>> sources_;
};

}  // namespace

void check_flow(const CheckedGraph& graph, Diagnostics& diagnostics) { FlowCheck(graph, diagnostics).run(); }

void check_uses(const CheckedGraph& graph, Diagnostics& diagnostics) {
  std::set<std::string> used;
  std::vector<std::string> names;
  for (const CheckedNode& node : graph.nodes) names.push_back(node.spec->name);
  const std::set<std::string> known(names.begin(), names.end());
  for (const CheckedNode& node : graph.nodes)
    for (const EdgeSpec& edge : node.spec->in) {
      used.insert(edge.from_node);
      // A misspelt reference is one error, not two.
      if (!known.contains(edge.from_node))
        for (const std::string& meant : close_names(edge.from_node, names)) used.insert(meant);
    }
  for (const CheckedNode& node : graph.nodes) {
    const bool is_sink = node.outputs.empty() && node.outputs_known;
    // What it measures reaches the history by itself.
    const bool measures = std::any_of(node.outputs.begin(), node.outputs.end(),
                                      [](const PortDecl& port) { return port.kind == PortKind::metrics; });
    if (node.info == nullptr || is_sink || measures || used.contains(node.spec->name)) continue;
    diagnostics.add({ErrorKind::config,
                     "unused-node",
                     fmt::format("nobody uses what node `{}` gives", node.spec->name),
                     node.spec->where,
                     "no output is used",
                     "use it as an input of another node, or remove the node",
                     {}});
  }
}

}  // namespace millrace::pipelines
