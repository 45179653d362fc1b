// By the time that the run itself has written down: copying a folder changes the times of its files.
#include "run_lookup.hpp"

#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"
#include "record/folder/run_parts.hpp"
#include "run_status.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
using Time = std::chrono::system_clock::time_point;

Error unreadable(const std::string& runs, const std::error_code& failed) {
  return {ErrorKind::data, "runs-unreadable", fmt::format("cannot look into `{}`: {}", shown(runs), failed.message())};
}

std::vector<std::string> names_in(const std::string& runs) {
  std::vector<std::string> names;
  for (const std::string& run : runs_in(runs)) names.push_back(fs::path(run).filename().string());
  return names;
}

// A slash behind a link's name would follow it, and the folder above `runs/a/` is not `runs`.
std::string without_slash(const std::string& word) {
  fs::path path = fs::path(word).lexically_normal();
  if (path.filename().empty() && path.has_parent_path()) path = path.parent_path();
  if (path.filename() != "." && path.filename() != "..") return path.string();
  std::error_code ignored;
  const fs::path whole = fs::weakly_canonical(path, ignored);
  return ignored ? path.string() : whole.string();
}

}  // namespace

std::vector<std::string> runs_in(const std::string& runs) {
  std::vector<std::pair<Time, std::string>> found;
  std::error_code failed;
  if (!fs::exists(runs, failed) && !failed) return {};
  for (fs::directory_iterator entry(runs, failed), end; !failed && entry != end; entry.increment(failed))
    if (const std::string folder = entry->path().string(); is_run_folder(folder))
      found.emplace_back(started_at(folder).value_or(Time::max()), folder);  // being made now
  if (failed) throw unreadable(runs, failed);
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a > b; });
  std::vector<std::string> folders;
  for (auto& [time, folder] : found) folders.push_back(std::move(folder));
  return folders;
}

std::string find_run(const std::string& given, const std::string& runs) {
  const std::string word = without_slash(given);
  if (given == kLastRun) {
    for (const std::string& run : runs_in(runs))
      if (started_at(run)) return run;
    throw Error(ErrorKind::usage, "unknown-run", fmt::format("there is no run in `{}`", shown(runs)),
                "`pipeline-run CONFIG` makes one; --runs DIR says where they are kept");
  }
  std::string named = (fs::path(runs) / word).string();
  if (word.find('/') == std::string::npos && is_run_folder(named)) return named;
  if (is_run_folder(word)) return word;
  if (std::error_code ignored; fs::is_directory(word, ignored)) require_run_folder(word);
  throw Error(ErrorKind::usage, "unknown-run", fmt::format("there is no run `{}` in `{}`", shown(word), shown(runs)),
              did_you_mean(word, names_in(runs), "runs"));
}

}  // namespace millrace::pipelines
