// The order in which nodes are inferred, and the cycles that have none.
#include "graph_order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace millrace::pipelines {
namespace {

// Takes every node whose inputs are all taken, lowest first, until none is left or a cycle blocks the rest.
void take_ready(CheckedGraph& graph, std::set<std::size_t>& left) {
  const auto is_ready = [&](std::size_t i) {
    const auto& inputs = graph.nodes[i].inputs;
    return std::none_of(inputs.begin(), inputs.end(), [&](const CheckedEdge& e) { return left.contains(e.from); });
  };
  for (auto next = std::find_if(left.begin(), left.end(), is_ready); next != left.end();
       next = std::find_if(left.begin(), left.end(), is_ready)) {
    graph.order.push_back(*next);
    left.erase(next);
  }
}

// Some cycle among `left`, against the flow, the lowest node first.
std::vector<std::size_t> find_cycle(const CheckedGraph& graph, const std::set<std::size_t>& left) {
  std::vector<std::size_t> walk{*left.begin()};
  for (;;) {
    const auto& inputs = graph.nodes[walk.back()].inputs;
    const auto back =
        std::find_if(inputs.begin(), inputs.end(), [&](const CheckedEdge& e) { return left.contains(e.from); });
    const auto seen = std::find(walk.begin(), walk.end(), back->from);
    if (seen == walk.end()) {
      walk.push_back(back->from);
      continue;
    }
    walk.erase(walk.begin(), seen);
    std::rotate(walk.begin(), std::min_element(walk.begin(), walk.end()), walk.end());
    return walk;
  }
}

void report_cycle(const CheckedGraph& graph, const std::vector<std::size_t>& against_flow, Diagnostics& diagnostics) {
  std::string path = graph.nodes[against_flow.front()].spec->name;
  for (auto it = against_flow.rbegin(); it != against_flow.rend(); ++it) path += " > " + graph.nodes[*it].spec->name;
  const std::size_t before = against_flow[1 % against_flow.size()];
  const auto& inputs = graph.nodes[against_flow.front()].inputs;
  const auto closing =
      std::find_if(inputs.begin(), inputs.end(), [&](const CheckedEdge& e) { return e.from == before; });
  diagnostics.add({{.kind = ErrorKind::config,
                    .name = "cycle",
                    .message = fmt::format("the nodes feed each other: {}", path),
                    .help = "a dataflow has no cycles: take this input from further upstream"},
                   closing->spec->where,
                   "this input closes the circle"});
}

}  // namespace

void order_nodes(CheckedGraph& graph, Diagnostics& diagnostics) {
  std::set<std::size_t> left;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) left.insert(left.end(), i);
  for (take_ready(graph, left); !left.empty(); take_ready(graph, left)) {
    const std::vector<std::size_t> cycle = find_cycle(graph, left);
    report_cycle(graph, cycle, diagnostics);
    for (const std::size_t i : cycle) {
      graph.nodes[i].broken = true;
      left.erase(i);
    }
  }
}

}  // namespace millrace::pipelines
