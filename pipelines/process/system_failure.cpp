#include "system_failure.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>

namespace millrace::pipelines {
namespace {

std::string limit_text(int resource) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return "unknown";
  return limit.rlim_cur == RLIM_INFINITY ? "none" : fmt::format("{}", limit.rlim_cur);
}

Error failure(const char* name, const std::string& doing, const std::error_code& code, std::string help) {
  return Error(ErrorKind::run, name,
               doing.empty() ? code.message() : fmt::format("cannot {}: {}", doing, code.message()), std::move(help));
}

}  // namespace

Error system_failure(const std::error_code& code, const std::string& doing) {
  switch (code.value()) {
    case EAGAIN:
      return failure(
          "no-thread", doing.empty() ? "start a thread" : doing, code,
          fmt::format("this user or control group may have no more threads and processes: `ulimit -u` is {}, the "
                      "group's limit is in pids.max; `--threads N` takes fewer",
                      limit_text(RLIMIT_NPROC)));
    case EMFILE:
    case ENFILE:
      return failure(
          "too-many-files", doing, code,
          fmt::format("this process may have {} files open (`ulimit -n`); raise that, or isolate fewer stages",
                      limit_text(RLIMIT_NOFILE)));
    case ENOMEM:
      return failure(
          "out-of-memory", doing, code,
          "fewer rows, smaller blocks and batches need less; `pipeline-run plan` tells what each node takes");
    default:
      return failure("system-error", doing, code, {});
  }
}

}  // namespace millrace::pipelines
