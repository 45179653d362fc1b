// The same for every way in which a plugin is found: a folder, a config, the command line.
#include "plugin_trust.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

std::optional<struct stat> status_of(const char* path, int (*look)(const char*, struct stat*)) {
  struct stat status {};
  return look(path, &status) == 0 ? std::optional(status) : std::nullopt;
}

[[noreturn]] void refuse(const char* name, const std::string& message, std::string help) {
  throw Error(ErrorKind::plugin, name, message, std::move(help));
}

// The owner of the program or of the root folder could do worse than to change a plugin. The latter is not 0 where a container
// shows its users by other numbers.
bool is_trusted(uid_t owner) {
  if (owner == 0 || owner == geteuid()) return true;
  for (const char* place : {"/proc/self/exe", "/"})
    if (const auto status = status_of(place, ::stat); status && status->st_uid == owner) return true;
  return false;
}

// The lists of users and groups are read by the thread that loads plugins, and by no other.
// NOLINTBEGIN(concurrency-mt-unsafe)

// Most systems give each user a group of his own, and let it write.
bool is_own_group(gid_t group) {
  if (group == 0) return true;
  const passwd* user = getpwuid(geteuid());
  const struct group* found = getgrgid(group);
  if (user == nullptr || found == nullptr || std::string_view(found->gr_name) != user->pw_name) return false;
  for (char** member = found->gr_mem; *member != nullptr; ++member)
    if (std::string_view(*member) != user->pw_name) return false;
  return true;
}

std::string owner_text(uid_t owner) {
  const passwd* user = getpwuid(owner);
  return user == nullptr ? fmt::format("user {}", owner) : fmt::format("user {} ({})", owner, user->pw_name);
}

// NOLINTEND(concurrency-mt-unsafe)

void require_owner(const fs::path& path, const struct stat& status) {
  if (!is_trusted(status.st_uid))
    refuse("plugin-of-another-user",
           fmt::format("`{}` belongs to {}, who could change it", path.string(), owner_text(status.st_uid)),
           "copy the plugin into a folder of your own");
}

// As in /tmp, each may change only what is his.
bool keeps_files_apart(const struct stat& folder) { return (folder.st_mode & S_ISVTX) != 0; }

void require_closed(const fs::path& path, const struct stat& status, int level) {
  if ((status.st_mode & S_IWOTH) != 0)
    refuse("plugin-writable-by-all", fmt::format("anybody may write to `{}`", path.string()),
           fmt::format("chmod o-w '{}'", path.string()));
  // Further up a group of administrators is usual: /usr/local belongs to one.
  if (level < 2 && (status.st_mode & S_IWGRP) != 0 && !is_own_group(status.st_gid))
    refuse("plugin-writable-by-group", fmt::format("all of group {} may write to `{}`", status.st_gid, path.string()),
           fmt::format("chmod g-w '{}'", path.string()));
}

// A user who may change a folder that holds the program could change the program.
bool holds_program(const fs::path& folder) {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  const auto ends = std::mismatch(folder.begin(), folder.end(), program.begin(), program.end());
  return !failed && ends.first == folder.end();
}

// `thing` first, then what lies above it. What a link leads to is looked at by itself.
void require_chain(fs::path thing) {
  for (int level = 0; level == 0 || !(holds_program(thing) || thing == thing.root_path());
       ++level, thing = thing.parent_path()) {
    if (const auto status = status_of(thing.c_str(), ::lstat)) {
      require_owner(thing, *status);
      if (!S_ISLNK(status->st_mode) && (level == 0 || !keeps_files_apart(*status)))
        require_closed(thing, *status, level);
    }
  }
}

}  // namespace

void require_trusted(const std::string& path) {
  std::error_code failed;
  const fs::path meant = fs::canonical(path, failed);
  if (failed) return;
  fs::path written = fs::absolute(path, failed).lexically_normal();
  if (written.filename().empty()) written = written.parent_path();  // `folder/`
  require_chain(meant);
  if (written != meant) require_chain(written);
}

}  // namespace millrace::pipelines
