// Notes of a shape error: both ends of the edge, and the node that last set the shape.
#pragma once

#include "check/graph/checked_graph.hpp"
#include "check/graph/validated_graph.hpp"

#include <millrace/stage.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// So many fields are told of with one error; of the others a last note has the number.
inline constexpr std::size_t kMostNotedFields = 8;

/// Tells of the inputs of nodes, for the first kMostShownErrors errors and warnings that ask. Refers to all that it is made of.
class ShapeNotes {
 public:
  /// `positions` maps nodes of `checked` to those of `graph`.
  ShapeNotes(const CheckedGraph& checked, const ValidatedGraph& graph, const std::vector<std::size_t>& positions)
      : checked_(checked), graph_(graph), positions_(positions) {}

  /// What the inputs of `node` that `site` is about are given, and since where; of a batch only the fields that the message names.
  std::vector<std::string> notes_for(const CheckedNode& node, const ErrorSite& site, const std::string& message);

 private:
  const CheckedGraph& checked_;
  const ValidatedGraph& graph_;
  const std::vector<std::size_t>& positions_;
  std::size_t asked_ = 0;
};

}  // namespace millrace::pipelines
