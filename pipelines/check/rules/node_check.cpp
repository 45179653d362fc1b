// Finds the stage, checks `with` and `run`, and lists the outputs; a node with errors is marked broken, so that later checks report nothing
// that only follows from them.
#include "node_check.hpp"

#include "config/params/config_schema.hpp"
#include "config/params/param_check.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

/// Those that a config can name.
std::vector<std::string> stage_names(const StageRegistry& registry) {
  std::vector<std::string> names = registry.names();
  std::erase_if(names, [](const std::string& name) { return name.starts_with('('); });
  return names;
}

// A name that is like no other is that of a plugin's stage more often than a slip.
std::string help_for_stage(const std::string& stage, const StageRegistry& registry) {
  const std::vector<std::string> names = stage_names(registry);
  std::string help = did_you_mean(stage, names, "stages");
  if (!meant_by(stage, names).empty() || !said_of(stage).empty()) return help;
  return fmt::format(
      "one of a plugin is loaded with --plugin FILE.so; `pipeline-run stages {} --why` says where it was looked for; "
      "{}",
      shown(stage), help);
}

void report_unknown_stage(const NodeSpec& node, const StageRegistry& registry, Diagnostics& diagnostics) {
  diagnostics.add({{.kind = ErrorKind::config,
                    .name = "unknown-stage",
                    .message = fmt::format("`{}`", shown(node.stage)),
                    .help = help_for_stage(node.stage, registry)},
                   node.stage_where,
                   "no stage has this name"});
}

bool is_one_in_one_out(const StageDescriptor& spec) {
  return spec.inputs().size() == 1 && spec.any_input() == nullptr && spec.any_output() == nullptr &&
         spec.outputs().size() == 1;
}

void check_run(CheckedNode& node, Diagnostics& diagnostics) {
  const DocNode& run = node.spec->run;
  node.run = check_params(run, run_params(), {fmt::format("`run` of node `{}`", node.spec->name), "run"},
                          node.spec->where, diagnostics);
  const bool has_budget = std::any_of(run.members.begin(), run.members.end(),
                                      [](const DocMember& member) { return is_budget(member.key); });
  if (node.info->kind == StageKind::source || !has_budget) return;
  diagnostics.add({{.kind = ErrorKind::config,
                    .name = "run-without-source",
                    .message = fmt::format("node `{}` is no source, so it has no budget of its own", node.spec->name),
                    .help = "set `run` of the source upstream"},
                   run.where});
}

// Outputs may be named by a parameter; when that one is wrong, references to them cannot be checked.
void find_outputs(CheckedNode& node) {
  const StageDescriptor& spec = node.info->spec;
  const bool named =
      spec.any_output() == nullptr || (node.params.is_map() && node.params.find(spec.any_output_param()) != nullptr &&
                                       node.params[spec.any_output_param()].is_map());
  node.outputs_known = named;
  node.outputs = named ? spec.outputs_for(node.params) : spec.outputs();
}

CheckedNode check_node(const NodeSpec& spec, const StageRegistry& registry, Diagnostics& diagnostics) {
  CheckedNode node;
  node.spec = &spec;
  node.broken = spec.stage.empty();
  if (node.broken) return node;
  node.info = registry.find(spec.stage);
  Diagnostics found;
  if (node.info == nullptr) {
    report_unknown_stage(spec, registry, found);
  } else {
    if (!spec.chain.empty() && !is_one_in_one_out(node.info->spec))
      found.add({{.kind = ErrorKind::config,
                  .name = "chain-stage",
                  .message = fmt::format("`{}` cannot be part of a chain", spec.stage),
                  .help = "make it a node of its own"},
                 spec.stage_where,
                 "has not exactly one input and one output"});
    const ParamOwner owner{fmt::format("stage `{}`", spec.stage), spec.stage};
    node.params = check_params(spec.with, node.info->spec.params(), owner, spec.stage_where, found);
    find_outputs(node);
    check_run(node, found);
  }
  node.broken = !found.empty();
  diagnostics.add_all(std::move(found));
  return node;
}

}  // namespace

CheckedGraph check_nodes(const GraphSpec& spec, const StageRegistry& registry, Diagnostics& diagnostics) {
  CheckedGraph graph;
  graph.nodes.reserve(spec.nodes.size());
  for (const NodeSpec& node : spec.nodes) graph.nodes.push_back(check_node(node, registry, diagnostics));
  return graph;
}

}  // namespace millrace::pipelines
