// Parses /proc/self/mountinfo and /proc/self/cgroup, of versions 1 and 2, and lists the folders from this process's group up to the mount point.
#include "system/control_groups.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

namespace millrace {
namespace {

/// A line of /proc/self/mountinfo that speaks of control groups.
struct Mount {
  std::string group;  ///< the group that is seen at `point`
  std::string point;
  int version = 2;
  std::string controllers;  ///< for version 1 the mount's options, "rw,cpu,cpuacct"
};

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, by);) parts.push_back(part);
  return parts;
}

bool contains(const std::string& list, const std::string& word) {
  const std::vector<std::string> words = split(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The kernel writes blanks and the like in octal: "\040".
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_octal =
        text[i] == '\\' && i + 3 < text.size() &&
        std::all_of(text.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                    text.begin() + static_cast<std::ptrdiff_t>(i) + 4, [](char c) { return c >= '0' && c <= '7'; });
    if (!is_octal) {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
    i += 3;
  }
  return plain;
}

// "31 24 0:27 /group /sys/fs/cgroup rw,nosuid shared:5 - cgroup2 cgroup2 rw": any number of fields before the dash.
std::optional<Mount> mount_of(const std::string& line) {
  const std::vector<std::string> fields = split(line, ' ');
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  if (fields.size() < 6 || fields.end() - dash < 4) return {};
  if (dash[1] != "cgroup" && dash[1] != "cgroup2") return {};
  return Mount{unescaped(fields[3]), unescaped(fields[4]), dash[1] == "cgroup" ? 1 : 2, dash[3]};
}

std::vector<Mount> mounts_of(const std::string& root) {
  std::vector<Mount> mounts;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);)
    if (const auto mount = mount_of(line)) mounts.push_back(*mount);
  return mounts;
}

/// The group of this process: of version 2 "0::/path", of version 1 "4:cpu,cpuacct:/path".
std::optional<std::string> group_of(const Mount& mount, const std::string& controller, const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (mount.version == 2 ? controllers.empty() : contains(controllers, controller)) return line.substr(second + 1);
  }
  return {};
}

// A container often sees its own group as the top, under a name that only the host knows; then the mount point is the group.
std::vector<std::string> folders_of(const Mount& mount, const std::string& group) {
  const std::string top = mount.group == "/" ? "" : mount.group;
  std::string below = group == top || !group.starts_with(top + "/") ? "" : group.substr(top.size());
  if (below == "/" || below.find("/..") != std::string::npos) below.clear();
  std::vector<std::string> folders;
  for (; !below.empty(); below.erase(below.rfind('/'))) folders.push_back(mount.point + below);
  folders.push_back(mount.point);
  return folders;
}

}  // namespace

std::vector<ControlGroups> control_groups(const std::string& controller, const std::string& root) {
  std::vector<ControlGroups> found;
  for (const Mount& mount : mounts_of(root)) {
    if (mount.version == 1 && !contains(mount.controllers, controller)) continue;
    if (const auto group = group_of(mount, controller, root))
      found.push_back({mount.version, folders_of(mount, *group)});
  }
  return found;
}

}  // namespace millrace
