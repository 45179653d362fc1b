// Which process of which machine, so that another process there can tell whether it lives.
#pragma once

#include <cstdint>
#include <string>

namespace millrace {

/// What no other process ever has, as far as this system tells it; what it does not tell is "" or 0.
struct ProcessIdentity {
  std::string host;           ///< for people
  std::string boot;           ///< of the machine: another one after each start
  std::string pid_namespace;  ///< in which `pid` counts: containers have their own
  std::int64_t pid = 0;
  std::int64_t start_ticks = 0;  ///< since the machine started; a later process of the same number has another
};

ProcessIdentity this_process();

/// Whether it has certainly ended. False for one of another machine or container, of which nothing can be known.
bool has_ended(const ProcessIdentity&);

}  // namespace millrace
