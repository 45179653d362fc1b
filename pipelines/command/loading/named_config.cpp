// The folder is found from the program itself, in a build tree and in an installation alike.
#include "named_config.hpp"

#include "diagnostics/suggestions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSuffix = ".yaml";

// In a build tree it is a link to the checkout's folder.
fs::path folder() {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  return failed ? fs::path() : (program.parent_path() / MILLRACE_CONFIG_FOLDER_FROM_BIN).lexically_normal();
}

// Whoever writes a run folder calls it so too.
std::string config_in(const std::string& folder) {
  std::error_code ignored;
  const fs::path path = fs::path(folder) / "config.yaml";
  return fs::is_directory(folder, ignored) && fs::is_regular_file(path, ignored) ? path.string() : "";
}

bool is_there(const std::string& path) {
  std::error_code ignored;  // what cannot be looked at is told when it is read
  return fs::exists(path, ignored);
}

}  // namespace

std::vector<std::string> config_names() {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder(), failed))
    if (entry.path().extension() == kSuffix) names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string config_path(const std::string& target) {
  if (const std::string inside = config_in(target); !inside.empty()) return inside;
  if (target.starts_with("-") || target.find_first_of("/.") != std::string::npos || is_there(target)) return target;
  return own_config(target);
}

std::string own_config(const std::string& name) {
  std::string path = (folder() / (name + kSuffix)).string();
  return is_there(path) ? path : "";
}

std::string named_config_help(const std::string& target) {
  const std::string name = meant_by(fs::path(target).stem().string(), config_names());
  return name.empty() ? "" : fmt::format("`{}` comes with Millrace and is found by its name alone", name);
}

}  // namespace millrace::pipelines
