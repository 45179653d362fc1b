// Grouped by name, message and help: the first place becomes the warning, the next ones its notes, and the nodes are named up to a limit.
#include "input_warnings.hpp"

#include "check/graph/checked_graph.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

/// More nodes than these are counted: a generated graph may have thousands.
constexpr std::size_t kMostNamed = 4;

std::string names_of(std::vector<std::string> nodes) {
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());  // one node may say it of several inputs
  if (nodes.size() == 1) return "node " + nodes.front();
  const std::size_t named = std::min(nodes.size(), kMostNamed);
  std::string text = "nodes " + nodes.front();
  for (std::size_t i = 1; i < named; ++i) text += (i + 1 == nodes.size() ? " and " : ", ") + nodes[i];
  return named == nodes.size() ? text : text + fmt::format(" and {} more", nodes.size() - named);
}

}  // namespace

void InputWarnings::add(std::string node, Diagnostic warning) {
  Told& told = told_[{warning.name, warning.message, warning.help}];
  told.places.push_back({std::move(node), warning.where});
  if (told.places.size() == 1) told.warning = std::move(warning);
}

void InputWarnings::tell(Diagnostics& diagnostics) {
  for (auto& [key, told] : told_) {
    std::vector<std::string> nodes;
    for (const Place& place : told.places) nodes.push_back(place.node);
    for (std::size_t i = 1; i < std::min(told.places.size(), kMostNamed); ++i)
      told.warning.notes.push_back(fmt::format("the same at node {}: {}", nodes[i], place_text(told.places[i].where)));
    told.warning.message = fmt::format("{}: {}", names_of(std::move(nodes)), told.warning.message);
    diagnostics.add(std::move(told.warning));
  }
  told_.clear();
}

}  // namespace millrace::pipelines
