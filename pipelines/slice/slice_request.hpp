// What a slice is to give, and what it is fed.
#pragma once

#include "config/spec/graph_spec.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// An output of a node: `train.images`.
struct OutputName {
  std::string node, port;

  bool operator==(const OutputName&) const = default;
};

/// Whoever takes `output` takes `by` instead.
struct FedOutput {
  OutputName output, by;
};

struct SliceRequest {
  std::vector<OutputName> captured;  ///< what the slice is for: of nodes of the graph, and of `added`
  std::vector<FedOutput> fed = {};   ///< nothing before them is part of the slice, unless it is wanted otherwise
  /// Nodes that the graph has not. Their inputs name ports of theirs and outputs in full. A name that no config can have, such as `(file)`, is
  /// nobody else's.
  std::vector<NodeSpec> added = {};
};

}  // namespace millrace::pipelines
