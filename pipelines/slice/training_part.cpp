// Nodes go downstream first, as roles say, then upstream, where nobody is left who takes what they give.
#include "training_part.hpp"

#include <algorithm>
#include <set>
#include <string>

namespace millrace::pipelines {
namespace {

using Names = std::set<std::string>;

Names test_nodes(const ValidatedGraph& whole) {
  Names names;
  for (const ValidatedNode& node : whole.nodes)
    if (node.is_test) names.insert(node.name);
  return names;
}

/// What a node measures is told without anybody who takes it.
Names measuring_nodes(const ValidatedGraph& whole) {
  Names names;
  for (const ValidatedNode& node : whole.nodes)
    for (const auto& [port, spec] : node.outputs)
      if (spec.kind == PortKind::metrics) names.insert(node.name);
  return names;
}

bool loses_inputs(const NodeSpec& node, const Names& gone) {
  return !node.in.empty() && std::all_of(node.in.begin(), node.in.end(),
                                         [&](const EdgeSpec& edge) { return gone.contains(edge.from_node); });
}

bool loses_takers(const NodeSpec& node, const GraphSpec& spec, const Names& gone) {
  bool was_taken = false;
  for (const NodeSpec& taker : spec.nodes)
    for (const EdgeSpec& edge : taker.in) {
      if (edge.from_node != node.name) continue;
      if (!gone.contains(taker.name)) return false;
      was_taken = true;
    }
  return was_taken;
}

/// Adds what goes with those that go. Whether there was any.
bool add_idle(const GraphSpec& spec, const Names& measuring, Names& gone) {
  bool is_new = false;
  for (const NodeSpec& node : spec.nodes)
    if (!gone.contains(node.name) &&
        (loses_inputs(node, gone) || (!measuring.contains(node.name) && loses_takers(node, spec, gone))))
      is_new |= gone.insert(node.name).second;
  return is_new;
}

}  // namespace

bool has_test_part(const ValidatedGraph& whole) {
  return std::any_of(whole.nodes.begin(), whole.nodes.end(), [](const ValidatedNode& node) { return node.is_test; });
}

GraphSpec training_part(const GraphSpec& spec, const ValidatedGraph& whole) {
  Names gone = test_nodes(whole);
  const Names measuring = measuring_nodes(whole);
  while (add_idle(spec, measuring, gone)) {
  }
  GraphSpec part = spec;
  std::erase_if(part.nodes, [&](const NodeSpec& node) { return gone.contains(node.name); });
  for (NodeSpec& node : part.nodes)
    std::erase_if(node.in, [&](const EdgeSpec& edge) { return gone.contains(edge.from_node); });
  return part;
}

}  // namespace millrace::pipelines
