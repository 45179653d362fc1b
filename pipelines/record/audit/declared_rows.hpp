// Which rows a node should get in each epoch, as the config and the data say.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "row_difference.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct DeclaredRows {
  std::string source;  ///< the node that sends them
  RowRange range;
  std::vector<std::string> between;  ///< nodes on the way that may drop rows or send some again: "`keep` (row_filter)"
  std::string unknown;               ///< why nobody knows which rows; empty: it is known
};

DeclaredRows declared_rows(const ValidatedGraph& graph, const ValidatedNode& node);

}  // namespace millrace::pipelines
