// A plugin is told by any of its stages: each knows the file that it came from.
#include "loaded_plugins.hpp"

#include "command/terminal/terminal.hpp"
#include "diagnostics/printable_text.hpp"
#include "plugins/plugin_loader.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <string>

namespace millrace::pipelines {
namespace {

// Of each plugin but the built-in one, any stage.
std::map<std::string, const StageInfo*> loaded_plugins(const StageRegistry& registry) {
  const std::string built_in = builtin_plugin_path();
  std::map<std::string, const StageInfo*> files;
  for (const std::string& name : registry.names())
    if (const StageInfo* info = registry.find(name); info->file != built_in) files.emplace(info->file, info);
  return files;
}

}  // namespace

nlohmann::ordered_json loaded_plugins_json(const StageRegistry& registry) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [file, info] : loaded_plugins(registry))
    list.push_back({{"name", info->plugin}, {"version", info->plugin_version}, {"file", file}});
  return list;
}

void note_loaded_plugins(const StageRegistry& registry) {
  for (const auto& [file, info] : loaded_plugins(registry))
    write_note(fmt::format("loaded plugin {}\n", printable_message(file, 2)));
}

}  // namespace millrace::pipelines
