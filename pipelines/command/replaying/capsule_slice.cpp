// The rows of an epoch are promised while stages infer, as in the run, and not while the one packet flows.
#include "capsule_slice.hpp"

#include "check/validator.hpp"
#include "config/params/param_document.hpp"
#include "recorded_source.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace millrace::pipelines {
namespace {

NodeSpec node_of(const std::string& name, const std::string& stage, const Location& where) {
  NodeSpec node;
  node.name = name;
  node.stage = stage;
  node.where = node.stage_where = node.in_where = where;
  node.with.where = node.run.where = where;
  return node;
}

NodeSpec recorded_node(const std::string& folder, const Location& where) {
  NodeSpec node = node_of(kRecorded, kRecorded, where);
  node.with = document_of(ParamValue(ParamValue::Map{{"capsule", folder}}), where);
  node.is_captured = true;
  return node;
}

NodeSpec failed_node(const Capsule& capsule, const Location& where) {
  NodeSpec node = node_of(capsule.node, capsule.stage, where);
  node.with = document_of(capsule.params, where);
  node.is_captured = true;
  if (capsule.isolated) {
    ParamValue::Map run{{"isolate", "process"}};
    if (capsule.timeout > 0) run.emplace_back("timeout", capsule.timeout);
    node.run = document_of(ParamValue(std::move(run)), where);
  }
  for (const CapsuleInput& input : capsule.inputs) node.in.push_back({input.port, kRecorded, input.port, where, where});
  return node;
}

GraphSpec spec_of(const Capsule& capsule, const std::string& folder) {
  const auto source = std::make_shared<const SourceText>(SourceText{"command line, CAPSULE", folder, true});
  const Location where{source, 1, 1, static_cast<int>(folder.size())};
  GraphSpec spec;
  spec.name = "capsule";
  spec.seed = capsule.seed;
  spec.device = capsule.device;
  spec.threads = 1;
  spec.epochs = capsule.epochs;
  spec.keep.is_kept = false;
  if (!capsule.inputs.empty()) spec.nodes.push_back(recorded_node(folder, where));
  spec.nodes.push_back(failed_node(capsule, where));
  return spec;
}

}  // namespace

ValidatedGraph capsule_slice(const Capsule& capsule, const std::string& folder, StageRegistry& registry,
                             Diagnostics& diagnostics) {
  if (!capsule.inputs.empty()) add_recorded_source(capsule, registry);
  ValidatedGraph graph = validate(spec_of(capsule, folder), registry, diagnostics);
  graph.first_epoch = graph.epochs = std::max(capsule.at.epoch, std::min(capsule.epochs, 1U));
  for (ValidatedNode& node : graph.nodes) {
    if (node.name == capsule.node) node.seeds = capsule.seeds;
    if (node.name != kRecorded) continue;
    for (auto& [port, spec] : node.outputs) spec.rows_per_epoch.reset();
  }
  return graph;
}

}  // namespace millrace::pipelines
