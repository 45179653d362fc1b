// What a graph must keep to so that packets meet and nobody starves.
#include "flow_check.hpp"

#include "source_waits.hpp"

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
      : graph_(graph), diagnostics_(diagnostics), inherited_(graph.nodes.size()) {}

  void run() {
    for (const std::size_t i : graph_.order) {
      visit(i);
      check_joins(i);
    }
    check_waits();
  }

 private:
  void visit(std::size_t i) {
    for (const CheckedEdge& edge : graph_.nodes[i].inputs)
      if (!inherited_[i]) inherited_[i] = domain_of(edge);
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
      diagnostics_.add(
          {{.kind = ErrorKind::config,
            .name = "join-mismatch",
            .message = fmt::format("node `{}` joins packets that are not numbered together", node.spec->name),
            .help = "take both from one source, or join before the stage that drops or regroups rows",
            .notes = {fmt::format("`{}` is numbered by {}", node.inputs.front().port, text_of(*first)),
                      fmt::format("`{}` is numbered by {}", edge.port, text_of(*domain))}},
           edge.spec->where,
           "numbered by another node than the first input"});
    }
  }

  const CheckedEdge* find_input(const CheckedNode& node, const std::string& port) const {
    const auto it =
        std::find_if(node.inputs.begin(), node.inputs.end(), [&](const CheckedEdge& e) { return e.port == port; });
    return it == node.inputs.end() ? nullptr : &*it;
  }

  // Nodes by their place in the order; inputs from a circle of nodes, which has been reported, are left out.
  std::vector<FlowNode> flow_nodes() const {
    std::map<std::size_t, std::size_t> places;
    std::vector<FlowNode> nodes;
    for (const std::size_t i : graph_.order) {
      const CheckedNode& node = graph_.nodes[i];
      places.emplace(i, nodes.size());
      nodes.emplace_back();
      if (node.info == nullptr) continue;
      nodes.back().is_source = node.info->kind == StageKind::source;
      nodes.back().waits = node.info->spec.waits();
    }
    for (const auto& [i, place] : places)
      for (const CheckedEdge& edge : graph_.nodes[i].inputs)
        if (const auto from = places.find(edge.from); from != places.end())
          nodes[place].inputs.push_back({edge.port, from->second, edge.kind == PortKind::data});
    return nodes;
  }

  // A source that waits for itself, directly or by way of others, would wait for ever once its budget is used up.
  void check_waits() {
    const std::vector<SourceWait> waits = source_waits(flow_nodes());
    const std::vector<std::vector<std::size_t>> in_turn = waits_in_turn(waits, graph_.order.size());
    std::set<std::size_t> reported;
    for (const SourceWait& wait : waits) {
      const std::vector<std::size_t>& others = in_turn[wait.source];
      if (reported.contains(wait.source) || std::find(others.begin(), others.end(), wait.source) == others.end())
        continue;
      const std::vector<SourceWait> circle = circle_from(wait, waits);
      if (circle.empty()) continue;  // another wait of this source is part of one
      for (const SourceWait& part : circle) reported.insert(part.source);
      report_starvation(circle);
    }
  }

  // The shortest way from `first` back to its source; empty when there is none.
  static std::vector<SourceWait> circle_from(const SourceWait& first, const std::vector<SourceWait>& waits) {
    std::vector<std::vector<SourceWait>> open{{first}};
    std::set<std::size_t> seen;
    for (std::size_t next = 0; next < open.size(); ++next) {
      std::vector<SourceWait> path = open[next];
      if (path.back().other == first.source) return path;
      if (!seen.insert(path.back().other).second) continue;
      for (const SourceWait& wait : waits) {
        if (wait.source != path.back().other) continue;
        open.push_back(path);
        open.back().push_back(wait);
      }
    }
    return {};
  }

  const CheckedNode& node_at(std::size_t place) const { return graph_.nodes[graph_.order[place]]; }

  std::string source_text(std::size_t place) const {
    const NodeSpec& node = *node_at(place).spec;
    return fmt::format("`{}` ({})", node.name, place_text(node.where));
  }

  void report_starvation(const std::vector<SourceWait>& circle) {
    const CheckedNode& holder = node_at(circle.front().holder);
    const StageDescriptor::Wait& ports = circle.front().ports;
    std::string message;
    std::vector<std::string> notes;
    if (circle.size() == 1) {
      const NodeSpec& from = *node_at(circle.front().source).spec;
      message = fmt::format("node `{}` would wait for itself: source `{}` feeds both `{}` and `{}`", holder.spec->name,
                            from.name, ports.data, ports.until);
      notes = {fmt::format("the source is at {}", place_text(from.where))};
    } else {
      message = "sources would wait for each other:";
      for (const SourceWait& wait : circle) message += fmt::format(" `{}` >", node_at(wait.source).spec->name);
      message += fmt::format(" `{}`", node_at(circle.front().source).spec->name);
      for (const SourceWait& wait : circle)
        notes.push_back(
            fmt::format("node {} keeps rows of source {} until its `{}` has come, for which source {} has to make "
                        "its whole epoch",
                        source_text(wait.holder), source_text(wait.source), wait.ports.until, source_text(wait.other)));
    }
    diagnostics_.add(
        {{.kind = ErrorKind::config,
          .name = "starvation",
          .message = std::move(message),
          .help = fmt::format("read the data a second time, with a source of its own for `{}`", ports.data),
          .notes = std::move(notes)},
         find_input(holder, ports.data)->spec->where,
         fmt::format("held until `{}` of the same epoch arrives", ports.until)});
  }

  const CheckedGraph& graph_;
  Diagnostics& diagnostics_;
  std::vector<std::optional<Domain>> inherited_;
};

}  // namespace

void check_flow(const CheckedGraph& graph, Diagnostics& diagnostics) { FlowCheck(graph, diagnostics).run(); }

void check_uses(const CheckedGraph& graph, Diagnostics& diagnostics) {
  std::set<std::string> used;
  std::vector<std::string> names;
  for (const CheckedNode& node : graph.nodes) names.push_back(node.spec->name);
  const std::set<std::string> known(names.begin(), names.end());
  std::size_t misspelled = 0;
  for (const CheckedNode& node : graph.nodes)
    for (const EdgeSpec& edge : node.spec->in) {
      used.insert(edge.from_node);
      // A misspelled reference is one error, not two. Of very many, whom they mean is no longer asked: any node may be.
      if (known.contains(edge.from_node)) continue;
      if (++misspelled > kMostShownErrors) return;
      for (const std::string& meant : close_names(edge.from_node, names)) used.insert(meant);
    }
  for (const CheckedNode& node : graph.nodes) {
    const bool is_sink = node.outputs.empty() && node.outputs_known;
    // What it measures reaches the history by itself.
    const bool measures = std::any_of(node.outputs.begin(), node.outputs.end(),
                                      [](const PortDecl& port) { return port.kind == PortKind::metrics; });
    if (node.info == nullptr || is_sink || measures || node.spec->is_captured || used.contains(node.spec->name))
      continue;
    diagnostics.add({{.kind = ErrorKind::config,
                      .name = "unused-node",
                      .message = fmt::format("nobody uses what node `{}` gives", node.spec->name),
                      .help = "use it as an input of another node, or remove the node"},
                     node.spec->where,
                     "no output is used"});
  }
}

}  // namespace millrace::pipelines
