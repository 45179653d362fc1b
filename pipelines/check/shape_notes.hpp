// Notes of a shape error: both ends of the edge, and the node that last set the shape.
#pragma once

#include "check/graph/checked_graph.hpp"
#include "check/graph/validated_graph.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// The input that an error is about, or may be.
struct NotedInput {
  const std::string& port;
  bool is_to_blame;  ///< then all fields of a batch are told when the message names none of them
};

/// What the input of `node` is given, and since where; of a batch only the fields that the error's message names. `positions` maps
/// nodes of `checked` to those of `graph`.
std::vector<std::string> shape_notes(const CheckedGraph& checked, const ValidatedGraph& graph,
                                     const std::vector<std::size_t>& positions, const CheckedNode& node,
                                     const NotedInput& input, const std::string& message);

}  // namespace millrace::pipelines
