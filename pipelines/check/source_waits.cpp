// Which sources wait for which.
#include "source_waits.hpp"

#include <algorithm>

namespace millrace::pipelines {
namespace {

using Nodes = std::vector<bool>;  ///< by node, whether it belongs

void add(Nodes& to, const Nodes& more) {
  for (std::size_t i = 0; i < more.size(); ++i)
    if (more[i]) to[i] = true;
}

/// The sources upstream of each node: all of them, and those whose blocks what it emits keeps alive.
struct Upstream {
  std::vector<Nodes> all, rows;

  explicit Upstream(const std::vector<FlowNode>& nodes) : all(nodes.size(), Nodes(nodes.size())), rows(all) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      all[i][i] = rows[i][i] = nodes[i].is_source;
      for (const FlowNode::Input& input : nodes[i].inputs) {
        add(all[i], all[input.from]);
        if (input.carries_rows) add(rows[i], rows[input.from]);
      }
    }
  }
};

const FlowNode::Input* find(const FlowNode& node, const std::string& port) {
  const auto it = std::find_if(node.inputs.begin(), node.inputs.end(), [&](const auto& in) { return in.port == port; });
  return it == node.inputs.end() ? nullptr : &*it;
}

}  // namespace

std::vector<SourceWait> source_waits(const std::vector<FlowNode>& nodes) {
  const Upstream upstream(nodes);
  std::vector<std::size_t> sources;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].is_source) sources.push_back(i);
  std::vector<Nodes> known(nodes.size(), Nodes(nodes.size()));
  std::vector<SourceWait> waits;
  for (std::size_t holder = 0; holder < nodes.size(); ++holder)
    for (const StageSpec::Hold& hold : nodes[holder].holds) {
      const FlowNode::Input *data = find(nodes[holder], hold.data), *until = find(nodes[holder], hold.until);
      if (data == nullptr || until == nullptr) continue;
      for (const std::size_t source : sources)
        for (const std::size_t other : sources) {
          if (!upstream.rows[data->from][source] || !upstream.all[until->from][other] || known[source][other]) continue;
          known[source][other] = true;
          waits.push_back({source, other, holder, hold});
        }
    }
  return waits;
}

std::vector<std::vector<std::size_t>> waits_in_turn(const std::vector<SourceWait>& waits, std::size_t nodes) {
  std::vector<std::vector<std::size_t>> direct(nodes), result(nodes);
  for (const SourceWait& wait : waits) direct[wait.source].push_back(wait.other);
  for (std::size_t source = 0; source < nodes; ++source) {
    Nodes reached(nodes);
    std::vector<std::size_t> open = direct[source];
    while (!open.empty()) {
      const std::size_t at = open.back();
      open.pop_back();
      if (reached[at]) continue;
      reached[at] = true;
      result[source].push_back(at);
      open.insert(open.end(), direct[at].begin(), direct[at].end());
    }
  }
  return result;
}

}  // namespace millrace::pipelines
