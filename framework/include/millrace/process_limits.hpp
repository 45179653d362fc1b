// What this process may use of its machine: cores and memory, as affinity, control groups and resource limits leave them.
#pragma once

#include <millrace/detail/export.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace millrace {

/// How much, and who says so: "cpu.max of /sys/fs/cgroup/work", "ulimit -v".
struct ProcessLimit {
  std::uint64_t value = 0;
  std::string from;
};

/// Processor time in whole cores, rounded up, and bytes of memory: the least over the control groups that this process is in
/// and all above them, of version 1 and 2 alike; nothing where none sets a limit. What cannot be read sets none. `root` stands
/// before every path that is read, so that tests can plant files.
MILLRACE_EXPORT std::optional<ProcessLimit> group_cores(const std::string& root = {});
MILLRACE_EXPORT std::optional<ProcessLimit> group_memory(const std::string& root = {});

/// Cores that this process may run on: the lesser of its affinity and the quotas of its control groups; 1 at least.
MILLRACE_EXPORT ProcessLimit usable_cores(const std::string& root = {});
/// Bytes that this process can have with all that it starts: the lesser of the machine's memory and the control groups. It is
/// one of `processes` on this machine that need as much each and share them.
MILLRACE_EXPORT ProcessLimit shared_memory_limit(const std::string& root = {}, int processes = 1);
/// Bytes that each process can have for itself alone, by `ulimit -v` and `ulimit -d`; nothing where there is no such limit.
MILLRACE_EXPORT std::optional<ProcessLimit> own_memory_limit();
/// Bytes that this process can have: the lesser of the two.
MILLRACE_EXPORT ProcessLimit usable_memory(const std::string& root = {}, int processes = 1);

}  // namespace millrace
