// Where plugins are looked for, and what became of each file that was found.
#pragma once

#include "probe.hpp"

#include <millrace/error.hpp>
#include <millrace/registry.hpp>

#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A folder whose plugins are there for every config.
struct PluginFolder {
  std::string
      origin;  ///< "MILLRACE_PLUGIN_PATH", "the user's folder", "the installation's folder", "the build's folder"
  std::string path;
};

/// In the order in which they are searched: each of MILLRACE_PLUGIN_PATH (separated by `:`), then
/// ${XDG_DATA_HOME:-~/.local/share}/millrace/plugins, then the installation's lib/millrace/plugins; for a program that is not
/// installed, the folder lib/plugins of its build.
std::vector<PluginFolder> plugin_folders();

/// A file or folder that was looked at: either it brought stages, or it was refused, or `remark` says why there is nothing.
struct LookedAt {
  std::string origin, path;
  std::vector<std::string> stages;
  std::optional<Error> refusal;
  std::string remark;
};

/// Whether a plugin is named without a `/` or a `.`, so that it is looked for in the folders.
bool is_bare_name(const std::string& plugin);
/// The file that `--plugin NAME` or an entry of `plugins:` means: itself when it has a `/` or a `.`, otherwise
/// NAME.so in the first folder that has it. Throws Error("plugin-missing", plugin) that lists the folders.
std::string find_plugin(const std::string& name);

/// Loads every `*.so` of the folders, by name; of two stages of one name the first one counts. Nothing is thrown because
/// of one plugin: what was refused is in the result. A relative folder, and what require_trusted refuses, is refused unseen.
std::vector<LookedAt> load_plugins_of_folders(StageRegistry& registry, const PluginTrial& trial = {});

/// Loads one file; a refusal is in the result, and a remark where it starts threads or changes how the processor computes.
LookedAt look_at_plugin(const std::string& origin, const std::string& file, StageRegistry& registry,
                        const PluginTrial& trial = {});

}  // namespace millrace::pipelines
