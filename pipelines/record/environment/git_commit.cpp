// HEAD, then the reference that it names, in a file of its own or in packed-refs. A linked work tree has a file `.git` that says where the rest lies.
#include "git_commit.hpp"

#include "record/folder/small_file.hpp"

#include <filesystem>
#include <sstream>
#include <string_view>
#include <system_error>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

std::string first_line_of(const fs::path& path) {
  const std::string text = content_of(path.string());
  return text.substr(0, text.find('\n'));
}

std::string behind(std::string_view prefix, const std::string& line) {
  return line.starts_with(prefix) ? line.substr(prefix.size()) : std::string();
}

bool is_commit(const std::string& text) {
  return (text.size() == 40 || text.size() == 64) && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// The folder with HEAD; empty where there is none.
fs::path git_folder_above(fs::path folder) {
  std::error_code failed;
  for (folder = fs::weakly_canonical(folder, failed); !failed; folder = folder.parent_path()) {
    fs::path git = folder / ".git";
    if (fs::is_directory(git, failed)) return git;
    if (const std::string elsewhere = behind("gitdir: ", first_line_of(git)); !elsewhere.empty())
      return folder / elsewhere;
    if (folder == folder.parent_path()) break;
    failed.clear();  // of what is not there
  }
  return {};
}

std::string packed(const fs::path& git, const std::string& reference) {
  std::istringstream lines(content_of((git / "packed-refs").string()));
  for (std::string line; std::getline(lines, line);)
    if (const std::size_t space = line.find(' '); space != std::string::npos && line.substr(space + 1) == reference)
      return line.substr(0, space);
  return {};
}

std::string commit_of(const fs::path& git, const std::string& reference) {
  const std::string elsewhere = first_line_of(git / "commondir");
  for (const fs::path& folder : {git, elsewhere.empty() ? git : git / elsewhere}) {
    std::string commit = first_line_of(folder / reference);
    if (commit.empty()) commit = packed(folder, reference);
    if (is_commit(commit)) return commit;
  }
  return {};
}

}  // namespace

GitCommit git_commit_of(const std::string& folder) {
  const fs::path git = git_folder_above(folder.empty() ? "." : folder);
  if (git.empty()) return {};
  const std::string head = first_line_of(git / "HEAD");
  if (is_commit(head)) return {head, {}};
  const std::string reference = behind("ref: ", head);
  if (reference.empty() || reference.find("..") != std::string::npos) return {};
  return {commit_of(git, reference), behind("refs/heads/", reference)};
}

}  // namespace millrace::pipelines
