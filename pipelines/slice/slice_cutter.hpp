// The walk from what is captured against the edges.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "slice_request.hpp"

#include <millrace/registry.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace millrace::pipelines {

class SliceCutter {
 public:
  SliceCutter(const GraphSpec& spec, const ValidatedGraph& whole, const StageRegistry& registry,
              const SliceRequest& request);

  /// Nodes of the slice with the inputs that they have in it.
  std::vector<NodeSpec> cut();

 private:
  /// Names of fields; nothing: all that there are.
  using Fields = std::optional<std::set<std::string>>;

  void want(const OutputName& output, const Fields& fields);
  void follow(const NodeSpec& node, const Fields& fields);
  /// The node's inputs, each with both names in full.
  std::vector<EdgeSpec> edges_of(const NodeSpec& node) const;
  bool is_left_out(const NodeSpec& node, const std::string& port, const Fields& fields) const;
  Fields fields_of(const NodeSpec& node, const std::string& port, const Fields& fields) const;
  OutputName fed(const OutputName& output) const;
  const NodeSpec* find(const std::string& name) const;
  const ValidatedNode* checked(const std::string& name) const;
  bool is_captured(const std::string& name) const;

  const GraphSpec& spec_;
  const ValidatedGraph& whole_;
  const StageRegistry& registry_;
  const SliceRequest& request_;
  std::map<std::string, Fields> wanted_;  ///< of each node in the slice
};

}  // namespace millrace::pipelines
