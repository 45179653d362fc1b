// In order: who may write the file, its note and layout, a trial in a child process, and only then dlopen here: what cannot be undone is last.
#include "plugin_loader.hpp"

#include "build_match.hpp"
#include "elf_reader.hpp"
#include "plugin_entry.hpp"
#include "plugin_trust.hpp"
#include "process/timeouts.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <atomic>
#include <filesystem>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

// The same file by another path, a link to it included: the loader would hand out its first copy again.
std::vector<std::string> loaded_stages(const StageRegistry& registry, const std::string& file) {
  std::vector<std::string> names;
  std::error_code error;
  for (const std::string& name : registry.names())
    if (fs::equivalent(registry.find(name)->file, file, error)) names.push_back(name);
  return names;
}

void require_new_names(const std::vector<std::string>& stages, const std::string& file, const StageRegistry& registry) {
  for (const std::string& stage : stages)
    if (const StageInfo* taken = registry.find(stage))
      throw Error(ErrorKind::plugin, "duplicate-stage",
                  fmt::format("stage `{}` of plugin `{}` is already there, from `{}`", stage, file, taken->file),
                  "load only one of the two plugins, or rename the stage");
}

void add(std::vector<StageInfo> stages, StageRegistry& registry) {
  for (StageInfo& stage : stages) {
    registry.set_origin(stage.plugin, stage.plugin_version, stage.plugin_license, stage.file);
    registry.add(std::move(stage));
  }
  registry.set_origin({}, {}, {}, {});
}

std::vector<std::string> names_of(const std::vector<StageInfo>& stages) {
  std::vector<std::string> names;
  for (const StageInfo& stage : stages) names.push_back(stage.name);
  return names;
}

}  // namespace

std::vector<std::string> load_tried_plugin(const std::string& file, StageRegistry& registry, const PluginTrial& trial) {
  std::atomic<bool> changes_floats{false};
  std::vector<StageInfo> stages = enter_plugin(file, &changes_floats);
  if (changes_floats && trial.changes_floats) trial.changes_floats(file);
  std::vector<std::string> names = names_of(stages);
  require_new_names(names, file, registry);
  add(std::move(stages), registry);
  return names;
}

std::vector<std::string> load_plugin(const std::string& path, StageRegistry& registry, const PluginTrial& trial) {
  if (std::error_code failed; fs::is_regular_file(path, failed)) require_trusted(path);
  const millrace_plugin_note note = read_plugin_note(path);
  // Absolute: the loader would look a bare name up in the library path.
  const std::string file = fs::canonical(path).string();
  if (std::vector<std::string> loaded = loaded_stages(registry, file); !loaded.empty()) return loaded;
  require_same_build(path, note);
  require_same_layout(path, note, read_plugin_layout(path));
  // What is wrong with any stage is known before one of them is here.
  require_new_names(probe(file, plugin_timeout(), trial), file, registry);
  return load_tried_plugin(file, registry, trial);
}

std::vector<std::string> load_builtin_plugin(StageRegistry& registry) {
  const std::string file = builtin_plugin_path();
  const millrace_plugin_note note = read_plugin_note(file);
  require_same_build(file, note);
  require_same_layout(file, note, read_plugin_layout(file));
  return load_tried_plugin(file, registry);
}

std::string builtin_plugin_path() {
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  const fs::path candidates[] = {folder / "../lib/millrace_stages.so",
                                 folder / MILLRACE_PLUGIN_FOLDER_FROM_BIN / "millrace_stages.so"};
  for (const fs::path& candidate : candidates)
    if (fs::exists(candidate)) return fs::canonical(candidate).string();
  throw Error(ErrorKind::plugin, "plugin-missing",
              fmt::format("the built-in stages are neither at `{}` nor at `{}`", candidates[0].string(),
                          candidates[1].string()),
              "build the target millrace_stages, or install Millrace again");
}

}  // namespace millrace::pipelines
