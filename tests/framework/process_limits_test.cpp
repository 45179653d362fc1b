// Limits of control groups, of both versions, read from files that the test plants.
#include <millrace/process_limits.hpp>
#include "catch.hpp"
#include "temp_folder.hpp"

#include <millrace/detail/build_info.hpp>
#include <millrace/device.hpp>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

using namespace millrace;
using millrace::testing::TempFolder;

namespace {

namespace fs = std::filesystem;

/// A file system as a process sees it: `text` at `path` below a fresh folder.
class Machine {
 public:
  Machine& has(const std::string& path, const std::string& text) {
    folder_.file(path, text);
    return *this;
  }
  /// Version 2, mounted at /sys/fs/cgroup; `group` is the one that is seen there.
  Machine& version_2(const std::string& own, const std::string& group = "/") {
    has("proc/self/cgroup", "0::" + own + "\n");
    return has("proc/self/mountinfo",
               "22 1 0:20 / /proc rw - proc proc rw\n31 24 0:27 " + group +
                   " /sys/fs/cgroup rw,nosuid shared:4 master:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  }
  /// Version 1: memory in one hierarchy, cpu with cpuacct in another.
  Machine& version_1(const std::string& own, const std::string& group = "/") {
    has("proc/self/cgroup", "9:memory:" + own + "\n4:cpu,cpuacct:" + own + "\n1:name=systemd:/init.scope\n");
    return has("proc/self/mountinfo", "33 32 0:30 " + group + " /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
                                          "34 32 0:31 " + group +
                                          " /sys/fs/cgroup/cpu,cpuacct rw shared:12 - cgroup cgroup rw,cpu,cpuacct\n");
  }
  std::string root() const { return folder_.path(); }

 private:
  TempFolder folder_;
};

}  // namespace

TEST_CASE("A machine without control groups sets no limit") {
  CHECK_FALSE(group_memory(Machine().root()));
  CHECK_FALSE(group_cores(Machine().root()));
}

TEST_CASE("Version 2: the least limit on the way from the process's group up counts") {
  Machine machine;
  machine.version_2("/batch/job/step");
  machine.has("sys/fs/cgroup/batch/job/step/memory.max", "max\n")
      .has("sys/fs/cgroup/batch/job/step/cpu.max", "max 100000\n");
  machine.has("sys/fs/cgroup/batch/job/memory.max", "2000000\n")
      .has("sys/fs/cgroup/batch/job/cpu.max", "250000 100000\n");
  machine.has("sys/fs/cgroup/batch/memory.max", "3000000\n").has("sys/fs/cgroup/batch/cpu.max", "400000 100000\n");
  REQUIRE(group_memory(machine.root()));
  CHECK(group_memory(machine.root())->value == 2'000'000);
  CHECK(group_memory(machine.root())->from == "memory.max of /sys/fs/cgroup/batch/job");
  REQUIRE(group_cores(machine.root()));
  CHECK(group_cores(machine.root())->value == 3);  // two and a half, rounded up
  CHECK(group_cores(machine.root())->from == "cpu.max of /sys/fs/cgroup/batch/job");
}

TEST_CASE("Version 1: the same, under its own names") {
  Machine machine;
  machine.version_1("/batch/job");
  machine.has("sys/fs/cgroup/memory/batch/job/memory.limit_in_bytes", "9223372036854771712\n");
  machine.has("sys/fs/cgroup/memory/batch/memory.limit_in_bytes", "4000000\n");
  machine.has("sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_quota_us", "-1\n");
  machine.has("sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_period_us", "100000\n");
  machine.has("sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_quota_us", "200000\n");
  machine.has("sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_period_us", "100000\n");
  REQUIRE(group_memory(machine.root()));
  CHECK(group_memory(machine.root())->value == 4'000'000);
  REQUIRE(group_cores(machine.root()));
  CHECK(group_cores(machine.root())->value == 2);
  CHECK(group_cores(machine.root())->from == "cpu.cfs_quota_us of /sys/fs/cgroup/cpu,cpuacct/batch");
}

TEST_CASE("In a container the mount point is the process's own group") {
  Machine machine;
  machine.version_1("/docker/3f2a", "/docker/3f2a").has("sys/fs/cgroup/memory/memory.limit_in_bytes", "5000000\n");
  REQUIRE(group_memory(machine.root()));
  CHECK(group_memory(machine.root())->value == 5'000'000);
  Machine other;  // a process of another container's group, of which nothing is visible here
  other.version_2("/../elsewhere").has("sys/fs/cgroup/memory.max", "6000000\n");
  CHECK(group_memory(other.root())->value == 6'000'000);
}

TEST_CASE("Both versions at once: the lesser limit counts") {
  Machine machine;
  machine.has("proc/self/cgroup", "9:memory:/a\n0::/b\n");
  machine.has("proc/self/mountinfo",
              "33 32 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
              "35 32 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  machine.has("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "7000000\n");
  machine.has("sys/fs/cgroup/unified/b/memory.max", "6000000\n");
  CHECK(group_memory(machine.root())->value == 6'000'000);
}

TEST_CASE("What cannot be read or is no number sets no limit") {
  Machine machine;
  machine.version_2("/batch")
      .has("sys/fs/cgroup/batch/memory.max", "a lot\n")
      .has("sys/fs/cgroup/batch/cpu.max", "100000\n");
  fs::create_directories(fs::path(machine.root()) / "sys/fs/cgroup/memory.max");  // a folder in its place
  CHECK_FALSE(group_memory(machine.root()));
  CHECK_FALSE(group_cores(machine.root()));
  Machine torn;
  torn.has("proc/self/cgroup", "0:\n::\n").has("proc/self/mountinfo", "31 24 -\n\n- cgroup2\n");
  CHECK_FALSE(group_memory(torn.root()));
}

TEST_CASE("A mount point with a blank is found") {
  Machine machine;
  machine.has("proc/self/cgroup", "0::/\n");
  machine.has("proc/self/mountinfo", "31 24 0:27 / /my\\040groups rw - cgroup2 cgroup2 rw\n");
  machine.has("my groups/memory.max", "8000000\n");
  REQUIRE(group_memory(machine.root()));
  CHECK(group_memory(machine.root())->value == 8'000'000);
}

TEST_CASE("Cores are the lesser of the affinity and the quota") {
  Machine one, many;
  one.version_2("/").has("sys/fs/cgroup/cpu.max", "50000 100000\n");
  many.version_2("/").has("sys/fs/cgroup/cpu.max", "100000000 100000\n");
  CHECK(usable_cores(one.root()).value == 1);
  CHECK(usable_cores(one.root()).from == "cpu.max of /sys/fs/cgroup");
  cpu_set_t set;
  REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  CHECK(usable_cores(many.root()).value == std::min<std::uint64_t>(1000, static_cast<std::uint64_t>(CPU_COUNT(&set))));
  CHECK(report_cpu().cores >= 1);
  CHECK_FALSE(report_cpu().cores_from.empty());
}

TEST_CASE("Memory is the least of the machine, the groups and the process's own limits") {
  Machine machine;
  machine.version_2("/").has("sys/fs/cgroup/memory.max", "12345678\n");
  CHECK(usable_memory(machine.root()).value == 12'345'678);
  CHECK(usable_memory(machine.root(), 4).value == 12'345'678 / 4);
  if (build_info().sanitizer != "none") return;  // a sanitizer's own memory is above every such limit
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
  rlimit less = before;
  less.rlim_cur = rlim_t{1} << 33;
  REQUIRE(setrlimit(RLIMIT_AS, &less) == 0);
  const ProcessLimit limit = usable_memory(Machine().root());
  less.rlim_cur = 10'000'000;
  REQUIRE(setrlimit(RLIMIT_AS, &less) == 0);
  const ProcessLimit one_of_four = usable_memory(Machine().root(), 4), in_a_group = usable_memory(machine.root(), 4);
  REQUIRE(setrlimit(RLIMIT_AS, &before) == 0);
  CHECK(limit.value <= std::uint64_t{1} << 33);
  CHECK(one_of_four.value == 10'000'000);
  CHECK(one_of_four.from == "ulimit -v");
  CHECK(in_a_group.value == 12'345'678 / 4);
  CHECK(report_cpu().memory_limit_bytes <= report_cpu().memory_bytes);
}
