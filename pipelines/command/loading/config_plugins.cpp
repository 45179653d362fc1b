// A config may come from anybody, so what it names is looked at before its code runs.
#include "config_plugins.hpp"

#include "config/spec/document_reader.hpp"
#include "config/spec/overrides.hpp"
#include "named_config.hpp"
#include "plugin_loading.hpp"
#include "plugins/plugin_loader.hpp"
#include "plugins/plugin_search.hpp"

#include <millrace/dataset.hpp>
#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <functional>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

bool is_of_command_line(const Location& where) { return where.source && where.source->is_argument; }

// So that a config and its plugins can be moved together.
std::string beside_config(const std::string& plugin, const Location& where) {
  if (is_of_command_line(where) || !where.source) return plugin;
  return (fs::path(where.source->name).parent_path() / plugin).string();
}

// A bare name is looked for.
std::string plugin_path(const std::string& plugin, const Location& where) {
  std::string found = find_plugin(plugin);
  return found != plugin ? found : beside_config(plugin, where);
}

Location place_of_plugin(const DocNode& document, std::size_t index) {
  const DocMember* plugins = document.find("plugins");
  if (plugins == nullptr) return {};
  return index < plugins->value.items.size() ? plugins->value.items[index].where : plugins->value.where;
}

fs::path config_folder(const std::string& config) {
  std::error_code failed;
  return config == "-" ? fs::current_path(failed) : fs::weakly_canonical(config, failed).parent_path();
}

void require_allowed(const std::string& plugin, const Location& where, const ConfigOptions& options) {
  if (is_of_command_line(where)) return;
  if (options.no_plugins)
    throw Error(ErrorKind::plugin, "plugins-refused",
                fmt::format("the config names the plugin `{}`, and --no-plugins refuses its code", plugin),
                "when you trust it, load it yourself with --plugin, or leave --no-plugins out");
  if (!options.strict_paths) return;
  std::vector<std::string> places{config_folder(options.config).string()};
  for (const PluginFolder& folder : plugin_folders()) places.push_back(folder.path);
  require_below(plugin_path(plugin, where), places);
}

bool load_each(const DocNode& document, const ConfigOptions& options, StageRegistry& registry,
               Diagnostics& diagnostics) {
  const std::vector<std::string> plugins = plugins_of(document);
  bool all = true;
  for (std::size_t i = 0; i < plugins.size(); ++i) {
    const Location where = place_of_plugin(document, i);
    try {
      require_allowed(plugins[i], where, options);
      load_plugin(plugin_path(plugins[i], where), registry, warning_trial(diagnostics, where));
    } catch (const Error& error) {
      diagnostics.add({error.problem(), where});
      all = false;
    }
  }
  return all;
}

// Bare names are looked for, wherever the config lies.
void edit_plugin_paths(DocNode& document, const std::function<std::string(const DocNode&)>& edited) {
  DocMember* plugins = document.find("plugins");
  if (plugins == nullptr) return;
  for (DocNode& item : plugins->value.items)
    if (item.is_scalar() && !is_bare_name(item.text)) item.text = edited(item);
}

}  // namespace

// `--set plugins=...` is heeded before the other overrides, whose types come from the plugins' descriptors. What is wrong
// with it is told when it is applied again with them.
bool load_named_plugins(const DocNode& document, const ConfigOptions& options, StageRegistry& registry,
                        Diagnostics& diagnostics) {
  std::vector<Override> wanted;
  for (const Override& override : options.overrides)
    if (override.text.starts_with("plugins=") || override.text.starts_with("plugins+=") ||
        override.text.starts_with("plugins."))
      wanted.push_back(override);
  if (wanted.empty()) return load_each(document, options, registry, diagnostics);
  DocNode with_plugins = document;
  Diagnostics told_later;
  apply_overrides(with_plugins, wanted, registry, told_later);
  return load_each(with_plugins, options, registry, diagnostics);
}

DocNode with_plugins_from_here(DocNode document) {
  edit_plugin_paths(document, [](const DocNode& plugin) { return beside_config(plugin.text, plugin.where); });
  return document;
}

DocNode with_plugins_from_root(DocNode document) {
  edit_plugin_paths(document, [](const DocNode& plugin) {
    return fs::absolute(beside_config(plugin.text, plugin.where)).lexically_normal().string();
  });
  return document;
}

void restrict_inputs(const ConfigOptions& options) {
  if (!options.strict_paths) return;
  std::vector<std::string> places{config_folder(options.config).string(), builtin_plugin_path()};
  for (const std::string& name : dataset_names())
    for (const std::string& folder : dataset_folders(*find_dataset(name))) places.push_back(folder);
  for (const PluginFolder& folder : plugin_folders()) places.push_back(folder.path);
  for (const std::string& plugin : options.plugins) places.push_back(find_plugin(plugin));
  for (const std::string& name : config_names()) places.push_back(own_config(name));
  allow_inputs_below(places);
}

}  // namespace millrace::pipelines
