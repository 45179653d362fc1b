// Carries sorted sets of sources down the graph: for each node all that lie before it, and those that its rows come from.
#include "source_waits.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <unordered_set>
#include <utility>

namespace millrace::pipelines {
namespace {

using Sources = std::vector<std::size_t>;  ///< in their order

// Most nodes have one source, and then nothing but that is looked at.
void add(Sources& to, const Sources& more) {
  if (to == more || more.empty()) return;
  Sources both;
  std::set_union(to.begin(), to.end(), more.begin(), more.end(), std::back_inserter(both));
  to = std::move(both);
}

/// The sources upstream of each node: all of them, and those whose blocks what it emits keeps alive.
struct Upstream {
  std::vector<Sources> all, rows;

  explicit Upstream(const std::vector<FlowNode>& nodes) : all(nodes.size()), rows(nodes.size()) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i].is_source) all[i] = rows[i] = {i};
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
  std::set<std::pair<std::size_t, std::size_t>> known, looked_at;
  std::vector<SourceWait> waits;
  for (std::size_t holder = 0; holder < nodes.size(); ++holder)
    for (const StageDescriptor::Wait& ports : nodes[holder].waits) {
      const FlowNode::Input *data = find(nodes[holder], ports.data), *until = find(nodes[holder], ports.until);
      if (data == nullptr || until == nullptr || !looked_at.emplace(data->from, until->from).second) continue;
      for (const std::size_t source : upstream.rows[data->from])
        for (const std::size_t other : upstream.all[until->from])
          if (known.emplace(source, other).second) waits.push_back({source, other, holder, ports});
    }
  return waits;
}

std::vector<std::vector<std::size_t>> waits_in_turn(const std::vector<SourceWait>& waits, std::size_t nodes) {
  std::vector<std::vector<std::size_t>> direct(nodes), result(nodes);
  for (const SourceWait& wait : waits) direct[wait.source].push_back(wait.other);
  for (std::size_t source = 0; source < nodes; ++source) {
    std::unordered_set<std::size_t> reached;
    std::vector<std::size_t> open = direct[source];
    while (!open.empty()) {
      const std::size_t at = open.back();
      open.pop_back();
      if (!reached.insert(at).second) continue;
      result[source].push_back(at);
      open.insert(open.end(), direct[at].begin(), direct[at].end());
    }
  }
  return result;
}

}  // namespace millrace::pipelines
