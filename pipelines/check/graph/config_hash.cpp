// SHA-256 over one canonical text of settings and nodes, sorted by name; threads, budgets and isolation are not in it.
#include "config_hash.hpp"

#include <millrace/digest.hpp>

#include <fmt/format.h>

#include <map>

namespace millrace::pipelines {
namespace {

// Where in the file a node stands decides what it draws when others draw for the same purpose.
std::string seeds_text(const ValidatedNode& node) {
  std::string text;
  for (const NodeSeed& seed : node.seeds)
    if (seed.is_own || seed.number > 1) text += fmt::format(", {}: {}", seed.purpose, seed.seed);
  return text;
}

std::string node_text(const ValidatedGraph& graph, const ValidatedNode& node) {
  std::string in;
  for (const ValidatedEdge& edge : node.inputs)  // their order is the order of a batch's fields
    in +=
        fmt::format("{}{}: {}.{}", in.empty() ? "" : ", ", edge.port, graph.nodes[edge.from_node].name, edge.from_port);
  return fmt::format("{{stage: {}, in: {{{}}}, with: {}{}}}", node.info->name, in, node.params.render(),
                     seeds_text(node));
}

}  // namespace

std::string config_hash(const GraphSpec& spec, const ValidatedGraph& graph) {
  std::string text =
      fmt::format("{{version: 1, name: {}, seed: {}, device: {}, epochs: {}, epochs_ahead: {}, graph: {{",
                  ParamValue(spec.name).render(), spec.seed, spec.device, spec.epochs, spec.epochs_ahead);
  std::map<std::string_view, const ValidatedNode*> by_name;
  for (const ValidatedNode& node : graph.nodes) by_name.emplace(node.name, &node);
  for (const auto& [name, node] : by_name) text += fmt::format("{}: {}\n", name, node_text(graph, *node));
  return sha256_hex(text + "}}");
}

}  // namespace millrace::pipelines
