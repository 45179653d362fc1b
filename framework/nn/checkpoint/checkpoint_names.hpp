// What tensors and metadata of a checkpoint are called: written and read by the same names.
#pragma once

#include <millrace/files/checkpoint.hpp>

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace millrace::nn {

/// What a tensor of a checkpoint is of.
struct TensorPlace {
  enum class Part { weight, slot, state, stage };
  Part part = Part::weight;
  std::string node;
  std::string slot;  ///< of an optimizer
  std::string name;  ///< of the model's tensor, or of the entry

  bool operator==(const TensorPlace&) const = default;
};

/// Names of tensors in a file of these nodes, which outlive this.
class CheckpointNames {
 public:
  CheckpointNames(std::span<const std::string> trainers, std::span<const std::string> stages);

  std::string of(const TensorPlace& place) const;
  /// Nothing for a name that no part of the format has.
  std::optional<TensorPlace> place_of(std::string_view tensor) const;

 private:
  std::string prefix_of(const std::string& trainer) const;

  using Nodes = std::set<std::string_view>;

  static std::optional<std::string> take_node(std::string_view& text, const Nodes& nodes);
  Nodes trainers_, stages_;
};

/// The entries of a trainer's StageState that become tensors of their own.
inline constexpr std::string_view kWeightsEntry = "weights", kSlotEntries = "optimizer/";
std::string slot_entry(std::size_t slot);

}  // namespace millrace::nn
