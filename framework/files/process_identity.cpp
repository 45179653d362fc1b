// From /proc. A process that is not shown there (hidepid) still answers to a signal of number 0.
#include "process_identity.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace millrace {
namespace {

std::string first_line(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

struct ProcessStatus {
  char state = '?';
  std::int64_t start_ticks = 0;
};

// The second field is the program's name in brackets and may hold anything, so that fields count from its end: state is field 3,
// starttime field 22 (proc(5)).
ProcessStatus status_of(std::int64_t pid) {
  constexpr int kBetween = 18;
  const std::string line = first_line(fmt::format("/proc/{}/stat", pid));
  ProcessStatus status;
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return status;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  fields >> status.state;
  for (int i = 0; i < kBetween; ++i) fields >> skipped;
  fields >> status.start_ticks;
  return status;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string pid_namespace() {
  std::error_code failed;
  return std::filesystem::read_symlink("/proc/self/ns/pid", failed).string();
}

}  // namespace

ProcessIdentity this_process() {
  const std::int64_t pid = ::getpid();
  return {host_name(), first_line("/proc/sys/kernel/random/boot_id"), pid_namespace(), pid, status_of(pid).start_ticks};
}

// One that nobody has waited for keeps its number and is shown as Z; in a container nobody may ever wait for it.
bool has_ended(const ProcessIdentity& process) {
  const ProcessIdentity here = this_process();
  if (process.boot.empty() || process.boot != here.boot || process.pid_namespace != here.pid_namespace) return false;
  if (process.pid <= 0) return false;
  if (::kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH) return true;
  const ProcessStatus now = status_of(process.pid);
  if (now.start_ticks == 0) return false;
  return now.start_ticks != process.start_ticks || now.state == 'Z' || now.state == 'X';
}

}  // namespace millrace
