// Each limit by itself, and the least of them.
#include "system/control_groups.hpp"

#include <millrace/process_limits.hpp>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <utility>

namespace millrace {
namespace {

// Larger machines than the kernel can be built for.
constexpr std::size_t kMostCpus = std::size_t{1} << 20;

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// A whole number; nothing for "max", "-1" and whatever else is none.
std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

void keep_least(std::optional<ProcessLimit>& least, std::optional<std::uint64_t> value, std::string from) {
  if (value && (!least || *value < least->value)) least = ProcessLimit{*value, std::move(from)};
}

// "150000 100000" are two cores, as is "200000 100000".
std::optional<std::uint64_t> cores_in(const std::string& quota, const std::string& period) {
  const auto time = number_in(quota), of = number_in(period);
  if (!time || !of || *time == 0 || *of == 0) return {};
  return *time / *of + (*time % *of == 0 ? 0 : 1);
}

std::optional<std::uint64_t> cores_of(const std::string& folder, int version) {
  if (version == 1)
    return cores_in(first_line(folder + "/cpu.cfs_quota_us"), first_line(folder + "/cpu.cfs_period_us"));
  std::istringstream words(first_line(folder + "/cpu.max"));
  std::string quota, period;
  words >> quota >> period;
  return cores_in(quota, period);
}

/// CPUs that this process may run on. The kernel refuses a set that is smaller than its own, which may be any size.
std::size_t cpus_of_affinity() {
  for (std::size_t cpus = CPU_SETSIZE; cpus <= kMostCpus; cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(cpus);
    if (set == nullptr) return 1;
    const int result = sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set), error = errno;
    const int count = result == 0 ? CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set) : 0;
    CPU_FREE(set);
    if (result == 0) return static_cast<std::size_t>(std::max(1, count));
    if (error != EINVAL) return 1;
  }
  return 1;
}

std::optional<std::uint64_t> resource_limit(int resource) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
  return limit.rlim_cur;
}

std::uint64_t physical_memory() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

std::optional<ProcessLimit> group_cores(const std::string& root) {
  std::optional<ProcessLimit> least;
  for (const ControlGroups& groups : control_groups("cpu", root))
    for (const std::string& folder : groups.folders)
      keep_least(least, cores_of(root + folder, groups.version),
                 (groups.version == 1 ? "cpu.cfs_quota_us of " : "cpu.max of ") + folder);
  return least;
}

std::optional<ProcessLimit> group_memory(const std::string& root) {
  std::optional<ProcessLimit> least;
  for (const ControlGroups& groups : control_groups("memory", root))
    for (const std::string& folder : groups.folders) {
      const std::string file = groups.version == 1 ? "memory.limit_in_bytes" : "memory.max";
      keep_least(least, number_in(first_line(root + folder + "/" + file)), file + " of " + folder);
    }
  return least;
}

ProcessLimit usable_cores(const std::string& root) {
  std::optional<ProcessLimit> least = ProcessLimit{cpus_of_affinity(), "the processors it may run on"};
  if (const auto group = group_cores(root)) keep_least(least, group->value, group->from);
  return *least;
}

ProcessLimit shared_memory_limit(const std::string& root, int processes) {
  std::optional<ProcessLimit> least = ProcessLimit{physical_memory(), "the machine's memory"};
  if (const auto group = group_memory(root)) keep_least(least, group->value, group->from);
  if (processes > 1) {
    least->value /= static_cast<std::uint64_t>(processes);
    least->from += " for each of " + std::to_string(processes) + " processes";
  }
  return *least;
}

std::optional<ProcessLimit> own_memory_limit() {
  std::optional<ProcessLimit> least;
  keep_least(least, resource_limit(RLIMIT_AS), "ulimit -v");
  keep_least(least, resource_limit(RLIMIT_DATA), "ulimit -d");
  return least;
}

ProcessLimit usable_memory(const std::string& root, int processes) {
  std::optional<ProcessLimit> least = shared_memory_limit(root, processes);
  if (const auto own = own_memory_limit()) keep_least(least, own->value, own->from);
  return *least;
}

}  // namespace millrace
