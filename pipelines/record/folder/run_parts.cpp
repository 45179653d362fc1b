// Somebody else's folder must never pass for a run: what is removed goes by this.
#include "run_parts.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  std::error_code failed;
  return fs::is_directory(fs::symlink_status(path, failed));
}

// In a run folder it is a link, which may lead nowhere; copied with what links lead to it lies beside the attempts.
bool has_environment(const fs::path& folder) {
  std::error_code failed;
  const fs::file_type type = fs::symlink_status(folder / run_parts::kEnvironment, failed).type();
  return type == fs::file_type::symlink || (type == fs::file_type::regular && is_folder(folder / run_parts::kAttempts));
}

bool has_parts_alone(const fs::path& folder) {
  std::error_code failed;
  bool alone = true;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed))
    alone = alone && is_run_part(entry->path().filename().string());
  return alone && !failed;
}

}  // namespace

bool is_run_part(const std::string& name) {
  constexpr std::array<std::string_view, 11> kParts{
      run_parts::kConfig,      run_parts::kClaim,   run_parts::kAttempts,    run_parts::kCurrent,
      run_parts::kEnvironment, run_parts::kMetrics, run_parts::kCheckpoints, run_parts::kLog,
      run_parts::kReport,      run_parts::kSummary, run_parts::kTestLedger};
  // Names beside their final place begin with a point.
  return name.starts_with('.') || std::find(kParts.begin(), kParts.end(), name) != kParts.end();
}

bool is_run_folder(const std::string& folder) {
  const fs::path path(folder);
  if (!is_folder(path) || !is_folder(path / run_parts::kClaim)) return false;
  return has_environment(path) || has_parts_alone(path);
}

void require_run_folder(const std::string& folder) {
  if (!is_run_folder(folder))
    throw Error(ErrorKind::usage, "no-run-folder", fmt::format("`{}` is no folder of a run", folder),
                "`pipeline-run runs` lists the runs that there are");
}

}  // namespace millrace::pipelines
