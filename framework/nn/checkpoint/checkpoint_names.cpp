// Nodes are listed in the metadata, and a name belongs to the longest node that it begins with: so a node may have dots in its name, as those
// inside of a part of a graph have.
#include "nn/checkpoint/checkpoint_names.hpp"

#include <algorithm>

namespace millrace::nn {
namespace {

using Part = TensorPlace::Part;

constexpr std::string_view kStage = "stage.", kOptimizer = "optimizer.", kState = "state.";

/// Takes `prefix` from the front of `text`, if it is there.
bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

TensorPlace place_in_trainer(std::string node, std::string_view name) {
  if (take(name, kState)) return {Part::state, std::move(node), {}, std::string(name)};
  std::string_view rest = name;
  if (!take(rest, kOptimizer)) return {Part::weight, std::move(node), {}, std::string(name)};
  const std::size_t dot = std::min(rest.find('.'), rest.size());
  return {Part::slot, std::move(node), std::string(rest.substr(0, dot)),
          std::string(rest.substr(std::min(dot + 1, rest.size())))};
}

}  // namespace

CheckpointNames::CheckpointNames(std::span<const std::string> trainers, std::span<const std::string> stages)
    : trainers_(trainers.begin(), trainers.end()), stages_(stages.begin(), stages.end()) {}

// Takes the longest node that `text` begins with, and the dot behind it.
std::optional<std::string> CheckpointNames::take_node(std::string_view& text, const Nodes& nodes) {
  for (std::size_t dot = text.rfind('.'); dot != std::string_view::npos; dot = text.substr(0, dot).rfind('.'))
    if (const auto node = nodes.find(text.substr(0, dot)); node != nodes.end()) {
      text.remove_prefix(dot + 1);
      return std::string(*node);
    }
  return {};
}

std::string CheckpointNames::prefix_of(const std::string& trainer) const {
  return trainers_.size() == 1 ? "" : trainer + ".";
}

std::string CheckpointNames::of(const TensorPlace& place) const {
  switch (place.part) {
    case Part::stage:
      return std::string(kStage) + place.node + "." + place.name;
    case Part::state:
      return prefix_of(place.node) + std::string(kState) + place.name;
    case Part::slot:
      return prefix_of(place.node) + std::string(kOptimizer) + place.slot + "." + place.name;
    case Part::weight:
      break;
  }
  return prefix_of(place.node) + place.name;
}

std::optional<TensorPlace> CheckpointNames::place_of(std::string_view tensor) const {
  std::string_view rest = tensor;
  if (take(rest, kStage))
    if (const auto node = take_node(rest, stages_)) return TensorPlace{Part::stage, *node, {}, std::string(rest)};
  if (trainers_.size() == 1) return place_in_trainer(std::string(*trainers_.begin()), tensor);
  rest = tensor;
  if (const auto node = take_node(rest, trainers_)) return place_in_trainer(*node, rest);
  return {};
}

std::string slot_entry(std::size_t slot) { return std::string(kSlotEntries) + std::to_string(slot); }

}  // namespace millrace::nn
