// Maps numbers of errno to named errors; the help quotes the limit in force, from getrlimit.
#include <millrace/detail/system_failure.hpp>

#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>
#include <utility>

namespace millrace {
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

bool is_of_the_system(const std::error_code& code) {
  return code.category() == std::generic_category() || code.category() == std::system_category();
}

constexpr const char* kNeedLess =
    "fewer rows, smaller blocks and batches need less; `pipeline-run plan` tells what each node takes";

}  // namespace

Error system_failure(const std::error_code& code, const std::string& doing) {
  switch (code.value()) {
    case EAGAIN:
      return failure(
          "no-thread", doing.empty() ? "start a thread" : doing, code,
          fmt::format("this user or control group may have no more threads and processes: `ulimit -u` is {}, the "
                      "group's limit is in pids.max, and its stack wants room (`ulimit -v` is {}); a smaller "
                      "`--threads`, where it is above 1, takes fewer",
                      limit_text(RLIMIT_NPROC), limit_text(RLIMIT_AS)));
    case EMFILE:
    case ENFILE:
      return failure(
          "too-many-files", doing, code,
          fmt::format("this process may have {} files open (`ulimit -n`); raise that, or isolate fewer stages",
                      limit_text(RLIMIT_NOFILE)));
    case ENOMEM:
      return failure("out-of-memory", doing, code, kNeedLess);
    default:
      return failure("system-error", doing, code, {});
  }
}

Error system_failure(const std::system_error& thrown) {
  const std::error_code code = thrown.code();
  const bool says_more = thrown.what() != code.message();
  if (!is_of_the_system(code) || (says_more && code.value() == EAGAIN))
    return Error(ErrorKind::run, "system-error", thrown.what());
  const Error known = system_failure(code, {});
  return says_more ? Error(ErrorKind::run, known.name(), thrown.what(), known.help()) : known;
}

}  // namespace millrace
