// The n-th node of the file that draws for a purpose gets the run's seed hashed with n, the first the seed itself; `seed` of a node overrides it.
#include "node_seeds.hpp"

#include "config/params/config_schema.hpp"
#include "config/params/param_check.hpp"

#include <millrace/random.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace millrace::pipelines {
namespace {

class SeedCounter {
 public:
  SeedCounter(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics& diagnostics)
      : checked_(checked),
        graph_(graph),
        diagnostics_(diagnostics),
        positions_(checked.nodes.size(), graph.nodes.size()) {
    for (std::size_t at = 0; at < checked.order.size(); ++at) positions_[checked.order[at]] = at;
  }

  void decide() {
    for (std::size_t i = 0; i < checked_.nodes.size(); ++i)
      if (positions_[i] < graph_.nodes.size()) number(*checked_.nodes[i].spec, graph_.nodes[positions_[i]]);
    for (const CheckedNode& node : checked_.nodes) refuse_unused(node);
  }

 private:
  void number(const NodeSpec& spec, ValidatedNode& node) {
    const std::optional<std::uint64_t> own = own_seed(spec);
    for (NodeSeed& seed : node.seeds) {
      seed.number = ++drawn_[seed.purpose];
      seed.is_own = own.has_value();
      seed.seed = own.value_or(numbered_seed(graph_.seed, seed.number));
      drawing_.insert(owner(spec));
    }
  }

  std::optional<std::uint64_t> own_seed(const NodeSpec& spec) {
    if (spec.seed.is_null()) return std::nullopt;
    // Every stage of a chain has the seed of its node, which is wrong once.
    Diagnostics found;
    const ParamValue value =
        check_value(spec.seed, node_seed_param().type, fmt::format("`seed` of node `{}`", owner(spec)), found);
    if (!found.empty() && wrong_.insert(owner(spec)).second) diagnostics_.add_all(std::move(found));
    if (!value.is_integer()) return std::nullopt;
    return static_cast<std::uint64_t>(value.integer());
  }

  void refuse_unused(const CheckedNode& node) {
    const std::string& name = owner(*node.spec);
    // Of a node with errors it is not known.
    if (node.spec->seed.is_null() || node.broken || drawing_.contains(name) || !wrong_.insert(name).second) return;
    diagnostics_.add({{.kind = ErrorKind::config,
                       .name = "unused-seed",
                       .message = fmt::format("node `{}` has a seed and draws nothing at random", name),
                       .help = "remove it, or switch on what draws, such as `shuffle: true`"},
                      node.spec->seed.where});
  }

  static const std::string& owner(const NodeSpec& spec) { return spec.chain.empty() ? spec.name : spec.chain; }

  const CheckedGraph& checked_;
  ValidatedGraph& graph_;
  Diagnostics& diagnostics_;
  std::vector<std::size_t> positions_;  // in the graph, by place in the file
  std::map<std::string, std::int64_t> drawn_;
  std::set<std::string> drawing_, wrong_;
};

}  // namespace

void number_seeds(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics& diagnostics) {
  SeedCounter(checked, graph, diagnostics).decide();
}

SeedNumbers seed_numbers(const ValidatedGraph& graph) {
  SeedNumbers numbers;
  for (const ValidatedNode& node : graph.nodes)
    for (const NodeSeed& seed : node.seeds) numbers[node.name][seed.purpose] = seed.number;
  return numbers;
}

bool set_seed_numbers(const SeedNumbers& numbers, ValidatedGraph& graph) {
  bool changed = false;
  for (ValidatedNode& node : graph.nodes) {
    const auto of_node = numbers.find(node.name);
    if (of_node == numbers.end()) continue;
    for (NodeSeed& seed : node.seeds) {
      const auto number = of_node->second.find(seed.purpose);
      if (number == of_node->second.end()) continue;
      changed |= !seed.is_own && seed.number != number->second;
      seed.number = number->second;
      if (!seed.is_own) seed.seed = numbered_seed(graph.seed, seed.number);
    }
  }
  return changed;
}

}  // namespace millrace::pipelines
