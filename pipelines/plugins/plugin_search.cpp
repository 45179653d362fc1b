// Folders in order: MILLRACE_PLUGIN_PATH, the user's, the installation's; relative ones, and those that others may write to, are refused.
#include "plugin_search.hpp"

#include "plugin_loader.hpp"
#include "plugin_trust.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/detail/environment.hpp>
#include <millrace/detail/system_failure.hpp>
#include <millrace/device.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

void add_users_folder(std::vector<PluginFolder>& folders) {
  const std::string data = environment("XDG_DATA_HOME"), home = environment("HOME");
  if (data.empty() && home.empty()) return;
  const fs::path base = data.empty() ? fs::path(home) / ".local/share" : fs::path(data);
  folders.push_back({"the user's folder", (base / "millrace/plugins").string()});
}

// In a build tree the folder of the built-in stages is full of what is no plugin; those that are have one beside it.
void add_own_folder(std::vector<PluginFolder>& folders) {
  const fs::path folder = fs::path(builtin_plugin_path()).parent_path();
  if (folder.filename() == "plugins")
    folders.push_back({"the installation's folder", folder.string()});
  else
    folders.push_back({"the build's folder", (folder / "plugins").string()});
}

// An installation keeps its CUDA device there too, which is no plugin and no plugin's fault.
std::vector<std::string> shared_objects(const std::string& folder, std::error_code& error) {
  std::vector<std::string> files;
  std::error_code none;
  const std::string device = cuda_backend_path();
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".so" && !fs::equivalent(entry.path(), device, none))
      files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

void require_readable(const std::string& folder, const std::error_code& error) {
  if (error == std::errc::too_many_files_open || error == std::errc::too_many_files_open_in_system)
    throw system_failure(error, fmt::format("look into the folder `{}`", folder));
  if (error == std::errc::permission_denied)
    throw Error(ErrorKind::plugin, "plugin-folder-unreadable",
                fmt::format("cannot look into the folder `{}`: {}", folder, error.message()), kLetYourselfRead);
}

// The current folder may belong to anybody.
bool is_searched(const PluginFolder& folder) { return fs::path(folder.path).is_absolute(); }

void require_absolute(const PluginFolder& folder) {
  if (!is_searched(folder))
    throw Error(ErrorKind::plugin, "plugin-folder-relative",
                fmt::format("`{}` is relative to the current folder, so it is not searched", folder.path),
                "write the whole path");
}

std::string why_nothing(const std::string& folder, bool has_files) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return has_files ? "" : "has no *.so";
  return fs::exists(folder, error) ? "is no folder" : "is not there";
}

void look_into(const PluginFolder& folder, StageRegistry& registry, const PluginTrial& trial,
               std::vector<LookedAt>& all) {
  LookedAt whole{folder.origin, folder.path, {}, {}, {}};
  std::error_code denied;
  const std::vector<std::string> files = shared_objects(folder.path, denied);
  try {
    require_absolute(folder);
    require_readable(folder.path, denied);
    whole.remark = why_nothing(folder.path, !files.empty());
    require_trusted(folder.path);
  } catch (const Error& refusal) {
    whole.refusal = refusal;
  }
  if (!whole.remark.empty() || whole.refusal) return all.push_back(std::move(whole));
  for (const std::string& file : files) all.push_back(look_at_plugin(folder.origin, file, registry, trial));
}

}  // namespace

std::vector<PluginFolder> plugin_folders() {
  std::vector<PluginFolder> folders;
  std::istringstream list(environment("MILLRACE_PLUGIN_PATH"));
  for (std::string folder; std::getline(list, folder, ':');)
    if (!folder.empty()) folders.push_back({"MILLRACE_PLUGIN_PATH", folder});
  add_users_folder(folders);
  add_own_folder(folders);
  return folders;
}

bool is_bare_name(const std::string& plugin) { return plugin.find_first_of("/.") == std::string::npos; }

std::string find_plugin(const std::string& name) {
  if (!is_bare_name(name)) return name;
  std::string places;
  for (const PluginFolder& folder : plugin_folders()) {
    std::error_code error;
    std::string file = (fs::path(folder.path) / (name + ".so")).string();
    if (is_searched(folder) && fs::exists(file, error)) return file;
    places += fmt::format("{}`{}`", places.empty() ? "" : ", ", folder.path);
    if (!is_searched(folder)) places += " (relative, not searched)";
    if (error) places += fmt::format(" ({})", error.message());
  }
  throw Error(ErrorKind::plugin, "plugin-missing", fmt::format("there is no {}.so in {}", name, places),
              "name its file with a path, put it into one of these folders, or set MILLRACE_PLUGIN_PATH");
}

LookedAt look_at_plugin(const std::string& origin, const std::string& file, StageRegistry& registry,
                        const PluginTrial& trial) {
  LookedAt looked{origin, file, {}, {}, {}};
  PluginTrial told = trial;
  told.starts_threads = [&](const std::string&, int threads) {
    if (trial.starts_threads) trial.starts_threads(file, threads);
    looked.remark = fmt::format("starts {} of its own while it is loaded", counted(threads, "thread"));
  };
  told.changes_floats = [&](const std::string&) {
    if (trial.changes_floats) trial.changes_floats(file);
    looked.remark +=
        fmt::format("{}changes rounding or denormals when it is loaded (-ffast-math does); that was undone",
                    looked.remark.empty() ? "" : "; ");
  };
  try {
    looked.stages = load_plugin(file, registry, told);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::plugin) throw;
    looked.refusal = error;
  }
  return looked;
}

std::vector<LookedAt> load_plugins_of_folders(StageRegistry& registry, const PluginTrial& trial) {
  std::vector<LookedAt> all;
  for (const PluginFolder& folder : plugin_folders()) look_into(folder, registry, trial, all);
  return all;
}

}  // namespace millrace::pipelines
