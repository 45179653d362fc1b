#include "checked_config.hpp"

#include "check/validator.hpp"
#include "plugins/plugin_loader.hpp"
#include "run_json.hpp"
#include "terminal.hpp"

#include <unistd.h>

#include <filesystem>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

// A path in a config is relative to the config, so that the pair can be moved.
std::string plugin_path(const std::string& config, const std::string& plugin) {
  const fs::path folder = config == "-" ? fs::path() : fs::path(config).parent_path();
  return (folder / plugin).string();
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
      load_plugin(plugin_path(config, plugins[i]), checked.registry);
    } catch (const Error& error) {
      Diagnostic diagnostic = to_diagnostic(error);
      diagnostic.where = place_of_plugin(document, i);
      checked.diagnostics.add(std::move(diagnostic));
      all = false;
    }
  }
  return all;
}

// Stages that a plugin would have brought are not the config's mistake.
void add_unless_consequence(const Diagnostics& found, bool all_plugins, Diagnostics& to) {
  for (Diagnostic& diagnostic : found.sorted())
    if (all_plugins || diagnostic.name != "unknown-stage") to.add(std::move(diagnostic));
}

}  // namespace

void load_plugins(const std::vector<std::string>& plugins, StageRegistry& registry) {
  load_plugin(builtin_plugin_path(), registry);
  for (const std::string& plugin : plugins) load_plugin(plugin, registry);
}

std::unique_ptr<CheckedConfig> check_config(const CommandOptions& options, const Peers* peers) {
  auto checked = std::make_unique<CheckedConfig>();
  load_plugins(options.plugins, checked->registry);
  std::optional<DocNode> document = read_document(options.target, checked->diagnostics);
  if (!document) return checked;
  const bool all_plugins = load_named_plugins(*document, options.target, *checked);
  Diagnostics found;
  checked->spec = build_spec(std::move(*document), options.overrides, checked->registry, found);
  checked->graph = validate(checked->spec, checked->registry, found, peers ? peers->ranks() : RankInfo{},
                            peers ? peers->cores() : 0);
  add_unless_consequence(found, all_plugins, checked->diagnostics);
  return checked;
}

int report_errors(const Diagnostics& diagnostics, const CommandOptions& options) {
  write_note(render(diagnostics, style_of(STDERR_FILENO, options.color).color));
  if (options.json) write_result(errors_json(diagnostics));
  return diagnostics.exit_code();
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
