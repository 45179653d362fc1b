// The way that rows take from a source to the inputs of a model. A part of a graph that other verbs walk too would take the place of this file.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <millrace/tensor.hpp>

#include <string>
#include <vector>

namespace millrace::pipelines {

/// A node on the way, and what a row is in front of it and behind it.
struct PathStep {
  const ValidatedNode* node = nullptr;
  TensorSpec in, out;
};

struct InputPath {
  std::string source;  ///< the port of the source that the rows come from: "images"
  TensorSpec rows;     ///< as the source gives them
  std::vector<PathStep> steps;
};

/// The trainer's node of that name; it has to be one of the graph's.
const ValidatedNode& trainer_called(const ValidatedGraph& graph, const std::string& name);

/// The rows that the first evaluator of the trainer's model measures, since those are as in use; without one, those that it trains on. Throws
/// Error(export-stage, config) where a node on the way brings several inputs together and none of them has the field's name.
InputPath input_path(const ValidatedGraph& graph, const ValidatedNode& trainer);

}  // namespace millrace::pipelines
