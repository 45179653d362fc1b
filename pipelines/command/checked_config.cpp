#include "checked_config.hpp"

#include "check/node_place.hpp"
#include "check/validator.hpp"
#include "config/overrides.hpp"
#include "plugin_news.hpp"
#include "plugins/plugin_loader.hpp"
#include "plugins/plugin_search.hpp"
#include "run_json.hpp"
#include "terminal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUnknownStage = "unknown-stage";

// A path in a config is relative to the config, so that the pair can be moved, one on the command line to where the user is;
// a bare name is looked for.
std::string plugin_path(const std::string& config, const std::string& plugin, const Location& where) {
  std::string found = find_plugin(plugin);
  if (where.source && where.source->is_argument) return found;
  const fs::path folder = config == "-" ? fs::path() : fs::path(config).parent_path();
  return found == plugin ? (folder / plugin).string() : found;
}

Location place_of_plugin(const DocNode& document, std::size_t index) {
  const DocMember* plugins = document.find("plugins");
  if (plugins == nullptr) return {};
  return index < plugins->value.items.size() ? plugins->value.items[index].where : plugins->value.where;
}

bool load_named_plugins(const DocNode& document, const std::string& config, CheckedConfig& checked) {
  const std::vector<std::string> plugins = plugins_of(document);
  bool all = true;
  for (std::size_t i = 0; i < plugins.size(); ++i) {
    try {
      load_plugin(plugin_path(config, plugins[i], place_of_plugin(document, i)), checked.registry, told_trial());
    } catch (const Error& error) {
      Diagnostic diagnostic = to_diagnostic(error);
      diagnostic.where = place_of_plugin(document, i);
      checked.diagnostics.add(std::move(diagnostic));
      all = false;
    }
  }
  return all;
}

// `--set plugins=...` is heeded before the other overrides, whose types come from the plugins' descriptors. What is wrong
// with it is told when it is applied again with them.
bool load_named_plugins(const DocNode& document, const CommandOptions& options, CheckedConfig& checked) {
  std::vector<Override> wanted;
  for (const Override& override : options.overrides)
    if (override.text.starts_with("plugins=") || override.text.starts_with("plugins+=") ||
        override.text.starts_with("plugins."))
      wanted.push_back(override);
  if (wanted.empty()) return load_named_plugins(document, options.target, checked);
  DocNode with_plugins = document;
  Diagnostics told_later;
  apply_overrides(with_plugins, wanted, checked.registry, told_later);
  return load_named_plugins(with_plugins, options.target, checked);
}

// Stages that a plugin would have brought are not the config's mistake.
void add_unless_consequence(const Diagnostics& found, bool all_plugins, Diagnostics& to) {
  for (Diagnostic& diagnostic : found.sorted())
    if (all_plugins || diagnostic.name != kUnknownStage) to.add(std::move(diagnostic));
}

bool misses_stage(const Diagnostics& found) {
  const std::vector<Diagnostic> all = found.sorted();
  return std::any_of(all.begin(), all.end(), [](const Diagnostic& d) { return d.name == kUnknownStage; });
}

Diagnostics build(const DocNode& document, const CommandOptions& options, const Peers* peers, CheckedConfig& checked) {
  Diagnostics found;
  checked.spec = build_spec(document, options.overrides, checked.registry, found);
  checked.graph =
      validate(checked.spec, checked.registry, found, peers ? peers->ranks() : RankInfo{}, peers ? peers->cores() : 0);
  return found;
}

// A plugin that was refused might have brought the stage, so nobody has to guess.
Diagnostics with_refusals(const Diagnostics& found, const std::vector<LookedAt>& looked) {
  Diagnostics all;
  for (Diagnostic diagnostic : found.sorted()) {
    for (const LookedAt& place : looked)
      if (diagnostic.name == kUnknownStage && place.refusal)
        diagnostic.notes.push_back(fmt::format("refused: {}; {}", place.refusal->message(), place.refusal->help()));
    all.add(std::move(diagnostic));
  }
  return all;
}

// Plugins of folders are loaded only for a config that lacks a stage: no other runs code that it did not ask for.
Diagnostics build_with_folders(const DocNode& document, const CommandOptions& options, const Peers* peers,
                               CheckedConfig& checked) {
  Diagnostics found = build(document, options, peers, checked);
  if (!misses_stage(found)) return found;
  const std::size_t before = checked.registry.names().size();
  const std::vector<LookedAt> looked = load_plugins_of_folders(checked.registry, told_trial());
  if (checked.registry.names().size() != before) found = build(document, options, peers, checked);
  return with_refusals(found, looked);
}

}  // namespace

CheckedConfig::~CheckedConfig() {
  for (ValidatedNode& node : graph.nodes) {
    if (!node.stage) continue;
    const StagePlace place = place_of(node, "");
    const StageMark mark(place, "while it is destroyed");
    node.stage.reset();
  }
}

void load_plugins(const std::vector<std::string>& plugins, StageRegistry& registry) {
  load_builtin_plugin(registry);
  for (const std::string& plugin : plugins) load_plugin(find_plugin(plugin), registry, told_trial());
}

std::unique_ptr<CheckedConfig> check_config(const CommandOptions& options, const Peers* peers) {
  auto checked = std::make_unique<CheckedConfig>();
  load_plugins(options.plugins, checked->registry);
  const std::optional<DocNode> document = read_document(options.target, checked->diagnostics);
  if (!document) return checked;
  const bool all_plugins = load_named_plugins(*document, options, *checked);
  add_unless_consequence(build_with_folders(*document, options, peers, *checked), all_plugins, checked->diagnostics);
  if (options.strict) checked->diagnostics.make_strict();
  return checked;
}

int report_errors(const Diagnostics& diagnostics, const CommandOptions& options) {
  write_note(render(diagnostics, style_of(STDERR_FILENO, options.color).color));
  if (options.json) write_result(errors_json(diagnostics));
  return diagnostics.exit_code();
}

void tell_warnings(const Diagnostics& diagnostics, const CommandOptions& options) {
  if (!options.quiet && !diagnostics.empty())
    write_note(render(diagnostics, style_of(STDERR_FILENO, options.color).color));
}

Diagnostic to_diagnostic(const Error& error) {
  Diagnostic diagnostic;
  diagnostic.kind = error.kind();
  diagnostic.name = error.name();
  diagnostic.message = error.message();
  diagnostic.help = error.help();
  diagnostic.notes = error.notes();
  return diagnostic;
}

}  // namespace millrace::pipelines
