// Where the control groups of this process lie in the file system.
#pragma once

#include <string>
#include <vector>

namespace millrace {

/// Folders of the group of this process and of all groups above it that can be seen from here, the own one first.
struct ControlGroups {
  int version = 2;
  std::vector<std::string> folders;  ///< paths relative to `root`
};

/// The hierarchies that may hold files of `controller` ("cpu", "memory"): the one of version 2, and the one of version 1 that has
/// it. Empty where there are no control groups or /proc cannot be read.
std::vector<ControlGroups> control_groups(const std::string& controller, const std::string& root);

}  // namespace millrace
