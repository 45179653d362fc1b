// Plugins are loaded before anything is judged, because they bring the stages that a config names.
#include "checked_config.hpp"

#include "check/graph/config_hash.hpp"
#include "check/graph/node_place.hpp"
#include "check/graph/node_seeds.hpp"
#include "check/missing_data.hpp"
#include "check/place_help.hpp"
#include "check/validator.hpp"
#include "command/pages/loaded_plugins.hpp"
#include "command/pages/run_json.hpp"
#include "command/terminal/terminal.hpp"
#include "config/spec/document_reader.hpp"
#include "config/spec/spec_builder.hpp"
#include "config_plugins.hpp"
#include "initial_run.hpp"
#include "named_config.hpp"
#include "plugin_loading.hpp"
#include "plugins/plugin_loader.hpp"
#include "plugins/plugin_search.hpp"
#include "process/call_limit.hpp"
#include "removal_help.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUnknownStage = "unknown-stage";

// Stages that a plugin would have brought are not the config's mistake.
void add_unless_consequence(const Diagnostics& found, bool all_plugins, Diagnostics& to) {
  to.add_all(found.edited([&](const Diagnostic& d) { return all_plugins || d.name != kUnknownStage; }));
}

bool misses_stage(const Diagnostics& found) {
  const std::vector<Diagnostic> all = found.sorted();
  return std::any_of(all.begin(), all.end(), [](const Diagnostic& d) { return d.name == kUnknownStage; });
}

// What the command line takes away keeps its number among the nodes that draw, so that the others draw the same numbers as beside it.
void keep_numbers(const DocNode& document, const std::vector<Override>& overrides, const Peers* peers,
                  CheckedConfig& checked) {
  const std::vector<Override> rest = without_removals(document, overrides);
  if (rest.size() == overrides.size()) return;
  Diagnostics ignored;  // a part may be taken away because it is wrong
  const GraphSpec spec = build_spec(document, rest, checked.registry, ignored);
  ValidatedGraph whole =
      validate(spec, checked.registry, ignored, peers ? peers->ranks() : RankInfo{}, peers ? peers->cores() : 0);
  keep_draws(seed_numbers(whole), checked);
  destroy_stages(whole);
}

std::vector<Override> all_overrides(const ConfigOptions& options, const std::vector<Override>& files) {
  std::vector<Override> all = options.overrides;
  all.insert(all.end(), files.begin(), files.end());
  return all;
}

Diagnostics build(const DocNode& document, const ConfigOptions& options, const Peers* peers, CheckedConfig& checked) {
  Diagnostics found;
  checked.spec = build_spec(document, options.overrides, checked.registry, found);
  const std::vector<Override> files = initial_run_files(checked.spec, options.runs_of_weights, found);
  const std::vector<Override> overrides = all_overrides(options, files);
  if (Diagnostics told; !files.empty()) checked.spec = build_spec(document, overrides, checked.registry, told);
  checked.graph =
      validate(checked.spec, checked.registry, found, peers ? peers->ranks() : RankInfo{}, peers ? peers->cores() : 0);
  if (found.has_errors()) {
    found = with_places(found, checked.spec.resolved, checked.registry);
    return with_removal_help(found, checked.spec, options.overrides, checked.registry);
  }
  keep_numbers(document, overrides, peers, checked);
  return found;
}

// A plugin that was refused might have brought the stage, so nobody has to guess.
Diagnostics with_refusals(const Diagnostics& found, const std::vector<LookedAt>& looked) {
  return found.edited([&](Diagnostic& d) {
    for (const LookedAt& place : looked)
      if (d.name == kUnknownStage && place.refusal)
        d.notes.push_back(fmt::format("refused: {}; {}", place.refusal->message(), place.refusal->help()));
    return true;
  });
}

// Of two plugins in the folders that bring a stage of one name the first counts, and an old copy may lie before the new one.
void warn_of_shadowed(const std::vector<LookedAt>& looked, Diagnostics& found) {
  for (const LookedAt& place : looked) {
    if (!place.refusal || place.refusal->name() != "duplicate-stage") continue;
    Diagnostic warning{place.refusal->problem()};
    warning.name = "plugin-shadowed";
    warning.message = fmt::format("plugin `{}` is not used: {}", place.path, warning.message);
    warning.help = "remove the copy that is not meant, or name the one that is with --plugin";
    warning.severity = Severity::warning;
    found.add(std::move(warning));
  }
}

// Plugins of folders are loaded only for a config that lacks a stage: no other runs code that it did not ask for.
Diagnostics build_with_folders(const DocNode& document, const ConfigOptions& options, const Peers* peers,
                               CheckedConfig& checked) {
  Diagnostics found = build(document, options, peers, checked);
  if (!misses_stage(found)) return found;
  const std::size_t before = checked.registry.names().size();
  const std::vector<LookedAt> looked = load_plugins_of_folders(checked.registry, warning_trial(checked.diagnostics));
  if (checked.registry.names().size() != before) found = build(document, options, peers, checked);
  found = with_refusals(found, looked);
  warn_of_shadowed(looked, found);
  return found;
}

// The config of the command line cannot be read; one that comes with Millrace may have been meant.
Diagnostics with_named_config(const Diagnostics& found, const std::string& target) {
  std::error_code ignored;
  const std::string remark = target == "-" || fs::exists(target, ignored) ? "" : named_config_help(target);
  return found.edited([&](Diagnostic& d) {
    if (!remark.empty()) d.notes.push_back(remark);
    return true;
  });
}

}  // namespace

void destroy_stages(ValidatedGraph& graph) {
  for (ValidatedNode& node : graph.nodes) {
    if (!node.stage && !node.asked) continue;
    const StagePlace place = place_of(node, "");
    const StageMark mark(place, "while it is destroyed");
    const CallLimit limit(node.making_timeout);
    node.stage.reset();
    node.asked.reset();
  }
}

void keep_draws(const SeedNumbers& numbers, CheckedConfig& checked) {
  if (!set_seed_numbers(numbers, checked.graph)) return;
  checked.draws_as_before = true;
  checked.graph.config_hash = config_hash(checked.spec, checked.graph);
}

CheckedConfig::~CheckedConfig() { destroy_stages(graph); }

std::unique_ptr<CheckedConfig> check_config(const ConfigOptions& options, const Peers* peers) {
  auto checked = std::make_unique<CheckedConfig>();
  restrict_inputs(options);
  load_plugins(options.plugins, checked->registry, warning_trial(checked->diagnostics));
  const std::optional<DocNode> document = read_document(options.config, checked->diagnostics, own_config);
  if (!document) {
    checked->diagnostics = with_named_config(checked->diagnostics, options.config);
    return checked;
  }
  const bool all_plugins = load_named_plugins(*document, options, checked->registry, checked->diagnostics);
  add_unless_consequence(build_with_folders(*document, options, peers, *checked), all_plugins, checked->diagnostics);
  checked->diagnostics = without_missing_dashes(checked->diagnostics, *document);
  if (options.strict) checked->diagnostics.make_strict();
  return checked;
}

void look_for_data(CheckedConfig& checked, const ConfigOptions& options) {
  if (checked.diagnostics.has_errors()) return;
  warn_of_missing_data(checked.graph, checked.diagnostics);
  if (options.strict) checked.diagnostics.make_strict();
}

int report_errors(const CheckedConfig& checked, const VerbOptions& options) {
  write_note(render(checked.diagnostics, look_of(STDERR_FILENO, options.color)));
  if (options.json) write_result(errors_json(checked.diagnostics, loaded_plugins_json(checked.registry)));
  return checked.diagnostics.exit_code();
}

void tell_warnings(const Diagnostics& diagnostics, const VerbOptions& options) {
  if (!diagnostics.empty()) write_note(render(diagnostics, look_of(STDERR_FILENO, options.color)));
}

}  // namespace millrace::pipelines
