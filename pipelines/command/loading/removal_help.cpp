// A walk along the edges, from the nodes that are gone to all that cannot be without them.
#include "removal_help.hpp"

#include "config/spec/overrides.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

namespace millrace::pipelines {
namespace {

// The nodes of a chain go with the node that uses it, and `train_inputs` stands for its last stage.
const std::string& owner(const NodeSpec& node) { return node.chain.empty() ? node.name : node.chain; }

std::set<std::string> nodes_taken_away(const std::vector<Override>& overrides) {
  std::set<std::string> names;
  for (const Override& override : overrides) {
    const std::string path = override.text.substr(0, override.text.find('='));
    if (path.find('.') == std::string::npos && without_removals({}, {override}).empty()) names.insert(path);
  }
  return names;
}

bool can_do_without(const NodeSpec& node, const EdgeSpec& edge, const StageRegistry& registry) {
  const StageInfo* const info = registry.find(node.stage);
  if (info == nullptr || edge.port.empty()) return false;
  const PortDecl* const port = info->spec.find_input(edge.port);
  return port == nullptr ? info->spec.any_input() != nullptr : port->optional;
}

/// Follows the edges from what is gone to who cannot be without it.
class Consequences {
 public:
  Consequences(const GraphSpec& spec, std::set<std::string> gone, const StageRegistry& registry)
      : spec_(spec), gone_(std::move(gone)), registry_(registry) {
    while (grow()) {
    }
    drop_inputs();
  }

  std::string text() const {
    std::string text;
    for (const std::string& part : parts_) text += fmt::format("{}--set {}=null", text.empty() ? "" : " ", part);
    return text;
  }

 private:
  bool is_gone(const EdgeSpec& edge) const {
    return gone_.contains(edge.from_node) || inside_.contains(edge.from_node);
  }

  bool falls(const NodeSpec& node) const {
    const auto lost = static_cast<std::size_t>(
        std::count_if(node.in.begin(), node.in.end(), [&](const EdgeSpec& edge) { return is_gone(edge); }));
    const bool needs = std::any_of(node.in.begin(), node.in.end(), [&](const EdgeSpec& edge) {
      return is_gone(edge) && !can_do_without(node, edge, registry_);
    });
    return lost > 0 && (needs || lost == node.in.size());
  }

  bool grow() {
    bool grown = false;
    for (const NodeSpec& node : spec_.nodes) {
      if (inside_.contains(node.name) || !falls(node)) continue;
      inside_.insert(node.name);
      grown = true;
      if (gone_.insert(owner(node)).second) parts_.push_back(owner(node));
    }
    return grown;
  }

  void drop_inputs() {
    for (const NodeSpec& node : spec_.nodes)
      for (const EdgeSpec& edge : node.in)
        if (!gone_.contains(owner(node)) && is_gone(edge))
          parts_.push_back(fmt::format("{}.in.{}", owner(node), edge.port));
  }

  const GraphSpec& spec_;
  std::set<std::string> gone_, inside_;  // as the command line names them; as the graph does
  const StageRegistry& registry_;
  std::vector<std::string> parts_;
};

}  // namespace

Diagnostics with_removal_help(const Diagnostics& found, const GraphSpec& spec, const std::vector<Override>& overrides,
                              const StageRegistry& registry) {
  const std::set<std::string> gone = nodes_taken_away(overrides);
  if (gone.empty()) return found;
  const std::string rest = Consequences(spec, gone, registry).text();
  return found.edited([&](Diagnostic& d) {
    const bool is_one = d.name == "unknown-node" && std::any_of(gone.begin(), gone.end(), [&](const std::string& name) {
                          return d.message == fmt::format("`{}`", name);
                        });
    if (is_one && !rest.empty()) d.help = "--set has taken it away; what needs it goes with: " + rest;
    return true;
  });
}

}  // namespace millrace::pipelines
