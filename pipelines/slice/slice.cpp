// What is cut is the config's own specification, so that a slice goes the same way from there on as every graph.
#include "slice.hpp"

#include "check/graph/node_seeds.hpp"
#include "check/validator.hpp"
#include "slice_cutter.hpp"

#include <algorithm>

namespace millrace::pipelines {

GraphSpec cut_slice(const GraphSpec& spec, const ValidatedGraph& whole, const StageRegistry& registry,
                    const SliceRequest& request) {
  GraphSpec slice = spec;
  slice.nodes = SliceCutter(spec, whole, registry, request).cut();
  slice.keep = {};
  slice.keep.is_kept = false;
  return slice;
}

std::vector<OutputName> source_outputs(const GraphSpec& slice, const StageRegistry& registry) {
  std::vector<OutputName> outputs;
  for (const NodeSpec& source : slice.nodes) {
    const StageInfo* const info = registry.find(source.stage);
    if (info == nullptr || info->kind != StageKind::source) continue;
    for (const NodeSpec& node : slice.nodes)
      for (const EdgeSpec& edge : node.in) {
        const OutputName output{edge.from_node, edge.from_port};
        if (output.node == source.name && std::find(outputs.begin(), outputs.end(), output) == outputs.end())
          outputs.push_back(output);
      }
  }
  return outputs;
}

ValidatedGraph check_slice(const GraphSpec& slice, const ValidatedGraph& whole, const StageRegistry& registry,
                           Diagnostics& diagnostics) {
  ValidatedGraph graph = validate(slice, registry, diagnostics);
  set_seed_numbers(seed_numbers(whole), graph);
  return graph;
}

bool starts_anywhere(const ValidatedGraph& slice) {
  return std::all_of(slice.nodes.begin(), slice.nodes.end(), [](const ValidatedNode& node) {
    return node.info->kind == StageKind::transform || node.info->spec.state() == StateKind::stateless;
  });
}

}  // namespace millrace::pipelines
