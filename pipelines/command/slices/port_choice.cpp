// Names of nodes in chains have points in them, so the longest name counts.
#include "port_choice.hpp"

#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::pipelines {
namespace {

[[noreturn]] void fail(const char* name, const std::string& what, const std::string& help) {
  throw Error(ErrorKind::usage, name, what, help);
}

bool begins_with_name(const std::string& text, const std::string& name) {
  return text == name || text.starts_with(name + ".");
}

/// The node that `text` begins with, and what follows its name.
std::pair<const ValidatedNode*, std::string> node_in(const CheckedConfig& checked, const std::string& text) {
  std::string node, name;
  for (const NodeSpec& spec : checked.spec.nodes)
    for (const std::string& candidate : {spec.name, spec.chain})
      if (!candidate.empty() && candidate.size() >= name.size() && begins_with_name(text, candidate)) {
        node = spec.name;
        name = candidate;
      }
  for (const ValidatedNode& known : checked.graph.nodes)
    if (!node.empty() && known.name == node) return {&known, text.substr(std::min(text.size(), name.size() + 1))};
  return {nullptr, ""};
}

std::vector<std::string> output_names(const ValidatedNode& node) {
  std::vector<std::string> names;
  for (const auto& [port, spec] : node.outputs) names.push_back(port);
  return names;
}

void require_field(const ValidatedNode& node, const ChosenPort& chosen) {
  const PortSpec& spec = *node.find_output(chosen.output.port);
  std::vector<std::string> names;
  for (const PortSpec::FieldSpec& field : spec.fields) names.push_back(field.name);
  if (chosen.field.empty() || spec.find(chosen.field) != nullptr) return;
  fail("unknown-field", fmt::format("`{}.{}` has no field `{}`", node.name, chosen.output.port, shown(chosen.field)),
       did_you_mean(chosen.field, names, "fields"));
}

}  // namespace

ChosenPort choose_port(const CheckedConfig& checked, const std::string& text) {
  const auto [node, rest] = node_in(checked, text);
  if (node == nullptr)
    fail("unknown-node", fmt::format("no node of the config is called as `{}` begins", shown(text)),
         did_you_mean(text, port_names(checked), "outputs"));
  const std::vector<std::string> names = output_names(*node);
  if (names.empty())
    fail("unknown-output", fmt::format("node `{}` gives nothing", node->name), "name one that it takes from");
  const std::size_t point = std::min(rest.find('.'), rest.size());
  ChosenPort chosen{{node->name, rest.substr(0, point)}, rest.substr(std::min(rest.size(), point + 1))};
  if (rest.empty() && names.size() == 1) chosen.output.port = names.front();
  if (node->find_output(chosen.output.port) == nullptr)
    fail("unknown-output",
         rest.empty() ? fmt::format("node `{}` has several outputs", node->name)
                      : fmt::format("node `{}` has no output `{}`", node->name, shown(chosen.output.port)),
         did_you_mean(chosen.output.port, names, "outputs"));
  require_field(*node, chosen);
  return chosen;
}

std::vector<std::string> port_names(const CheckedConfig& checked) {
  std::vector<std::string> names;
  for (const ValidatedNode& node : checked.graph.nodes)
    for (const std::string& port : output_names(node)) names.push_back(fmt::format("{}.{}", node.name, port));
  return names;
}

}  // namespace millrace::pipelines
