// A walk downstream from each source. What a test comes to may be shown, by a sink that only gives names; whatever else takes it could decide by it.
#include "role_check.hpp"

#include "config/params/config_schema.hpp"
#include "config/params/param_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

RowRole role_called(std::string_view name) {
  if (name == "train") return RowRole::train;
  return name == "test" ? RowRole::test : RowRole::validation;
}

class RoleCheck {
 public:
  RoleCheck(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics& diagnostics)
      : checked_(checked), graph_(graph), diagnostics_(diagnostics), takers_(graph.nodes.size()) {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
      for (std::size_t input = 0; input < graph_.nodes[i].inputs.size(); ++input)
        takers_[graph_.nodes[i].inputs[input].from_node].push_back({i, input});
  }

  void run() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) read_role(i);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
      if (graph_.nodes[i].role == RowRole::test)
        follow_test(i);
      else if (graph_.nodes[i].role != RowRole::unsaid)
        follow_rows(i);
  }

 private:
  /// An input of a node: whoever takes what another one gives.
  struct Taker {
    std::size_t node, input;
  };

  // Nodes of the graph stand in the order of the check.
  const CheckedNode& checked(std::size_t node) const { return checked_.nodes[checked_.order[node]]; }
  const Location& place_of(const Taker& taker) const { return checked(taker.node).inputs[taker.input].spec->where; }
  PortKind kind_of(const Taker& taker) const {
    return graph_.spec_of(graph_.nodes[taker.node].inputs[taker.input]).kind;
  }

  void read_role(std::size_t i) {
    const NodeSpec& spec = *checked(i).spec;
    if (spec.role.is_null()) return;
    ValidatedNode& node = graph_.nodes[i];
    const ParamValue value =
        check_value(spec.role, node_role_param().type, fmt::format("`role` of node `{}`", spec.name), diagnostics_);
    if (!value.is_text()) return;
    const bool gives_rows = std::any_of(node.outputs.begin(), node.outputs.end(),
                                        [](const auto& port) { return port.second.kind == PortKind::data; });
    if (node.info->kind == StageKind::source && gives_rows)
      node.role = role_called(value.text());
    else
      add(spec.role.where, "role-without-rows",
          fmt::format("node `{}` is no source of rows, so they have no role here", spec.name),
          "write `role` at the source where the rows come from");
  }

  /// Nodes that rows of `source` reach, each with the input by which they came first.
  template <class Wants>
  std::vector<Taker> reached(std::size_t source, const Wants& wants) const {
    std::vector<bool> seen(graph_.nodes.size());
    std::vector<Taker> all = {};
    std::vector<std::size_t> open{source};
    while (!open.empty()) {
      const std::size_t from = open.back();
      open.pop_back();
      for (const Taker& taker : takers_[from]) {
        if (seen[taker.node] || !wants(taker)) continue;
        seen[taker.node] = true;
        all.push_back(taker);
        open.push_back(taker.node);
      }
    }
    return all;
  }

  void follow_rows(std::size_t source) {
    const bool trains = graph_.nodes[source].role == RowRole::train;
    for (const Taker& taker : reached(source, [&](const Taker& t) { return kind_of(t) == PortKind::data; })) {
      const ValidatedNode& node = graph_.nodes[taker.node];
      if (trains ? graph_.is_evaluator(node) : graph_.is_trainer(node))
        add(place_of(taker), "wrong-role",
            fmt::format("node `{}` ({}) would {} the rows of `{}`, which are for the {} alone", node.name,
                        node.info->name, trains ? "evaluate" : "train on", graph_.nodes[source].name,
                        trains ? "training" : "validation"),
            "take other rows here, or the `role` away: it then follows from who takes the rows", {role_note(source)});
    }
  }

  void follow_test(std::size_t source) {
    graph_.nodes[source].is_test = true;
    bool is_evaluated = checked(source).spec->is_captured;
    for (const Taker& taker : reached(source, [&](const Taker& t) { return goes_on(source, t); })) {
      graph_.nodes[taker.node].is_test = true;
      // A slice of a graph that has been checked may end before its evaluator.
      is_evaluated |= graph_.is_evaluator(graph_.nodes[taker.node]) || checked(taker.node).spec->is_captured;
    }
    if (!is_evaluated && !is_used_)
      add(graph_.nodes[source].where, "wrong-role",
          fmt::format("node `{}` has `role: test`, and nobody evaluates its rows", graph_.nodes[source].name),
          "bring them to an evaluator of their own, as those of the validation are", {role_note(source)});
  }

  /// Whether what is behind this input belongs to the test. What must not take it is reported.
  bool goes_on(std::size_t source, const Taker& taker) {
    const ValidatedNode& node = graph_.nodes[taker.node];
    const bool shows = kind_of(taker) == PortKind::metrics;
    if (shows && is_named(node, node.inputs[taker.input].port)) return false;
    if (!shows && !graph_.is_trainer(node)) return true;
    is_used_ = true;
    const std::string rows = fmt::format("the rows of `{}`, which are for the test alone", graph_.nodes[source].name);
    add(place_of(taker), "test-set-used",
        shows ? fmt::format("node `{}` ({}) would take what comes of {}", node.name, node.info->name, rows)
              : fmt::format("node `{}` ({}) would train on {}", node.name, node.info->name, rows),
        "take the rows of another source; `pipeline-run test RUN` evaluates those of the test when the run has ended",
        {role_note(source)});
    return false;
  }

  static bool is_named(const ValidatedNode& node, const std::string& input) {
    return std::any_of(node.reports.begin(), node.reports.end(),
                       [&](const auto& reported) { return reported.first == input; });
  }

  std::string role_note(std::size_t source) const {
    const DocNode& role = checked(source).spec->role;
    return fmt::format("`role: {}` stands at {}", role.text, place_text(role.where));
  }

  void add(const Location& where, const char* name, std::string message, std::string help,
           std::vector<std::string> notes = {}) {
    diagnostics_.add({{.kind = ErrorKind::config,
                       .name = name,
                       .message = std::move(message),
                       .help = std::move(help),
                       .notes = std::move(notes)},
                      where});
  }

  const CheckedGraph& checked_;
  ValidatedGraph& graph_;
  Diagnostics& diagnostics_;
  std::vector<std::vector<Taker>> takers_;  ///< by node
  bool is_used_ = false;                    ///< a test is used where it must not be, which has been reported
};

}  // namespace

void check_roles(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics& diagnostics) {
  RoleCheck(checked, graph, diagnostics).run();
}

}  // namespace millrace::pipelines
