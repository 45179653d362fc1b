// posix_spawn into a process group of its own. waitid with WNOWAIT looks at its end without reaping it, so that its number stays ours until
// the group is killed.
#include "child_process.hpp"

#include <millrace/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace millrace::pipelines {
namespace {

constexpr std::chrono::milliseconds kLook{2};
constexpr int kLeastDescriptor = 10;

class Actions {
 public:
  Actions(const std::vector<int>& descriptors, int error_output) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, error_output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, error_output, STDERR_FILENO);
    int number = ChildProcess::kFirstDescriptor;
    for (const int descriptor : descriptors) posix_spawn_file_actions_adddup2(&actions, descriptor, number++);
    posix_spawn_file_actions_addclosefrom_np(&actions, number);
  }
  ~Actions() { posix_spawn_file_actions_destroy(&actions); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  posix_spawn_file_actions_t actions;
};

class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  posix_spawnattr_t attributes;
};

[[noreturn]] void fail_to_start(const std::string& program, int error) {
  throw Error(ErrorKind::run, "no-process",
              fmt::format("cannot start `{}`: {}", program, std::generic_category().message(error)),
              error == EMFILE || error == ENFILE ? "`ulimit -n` shows how many files there may be open"
                                                 : "`ulimit -u` shows how many processes there may be");
}

}  // namespace

// Not a fork: the run has threads, and between a fork and an exec nothing but a few system calls would be safe.
ChildProcess::ChildProcess(const std::string& program, std::vector<std::string> arguments,
                           const std::vector<int>& descriptors, int error_output) {
  std::vector<char*> texts;
  for (std::string& argument : arguments) texts.push_back(argument.data());
  texts.push_back(nullptr);
  const Actions actions(descriptors, error_output);
  const Attributes attributes;
  const int error =
      posix_spawn(&process_, program.c_str(), &actions.actions, &attributes.attributes, texts.data(), environ);
  if (error != 0) fail_to_start(program, error);
}

ChildProcess::~ChildProcess() { kill(); }

// Looks without taking: while nobody has taken the status, the number belongs to no other process. Where somebody has, a
// plugin that ignores SIGCHLD for example, the process is gone, and its number is no longer ours.
ChildProcess::Look ChildProcess::look() const {
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return Look::taken;
  return info.si_pid == process_ ? Look::ended : Look::runs;
}

void ChildProcess::collect() {
  if (look() != Look::taken) ::kill(-process_, SIGKILL);  // what it has started
  int status = 0;
  pid_t taken = -1;
  while ((taken = waitpid(process_, &status, 0)) < 0 && errno == EINTR) {
  }
  status_ = taken == process_ ? status : kUnknownEnd;
}

std::optional<int> ChildProcess::wait(std::chrono::milliseconds limit) {
  if (status_) return status_;
  for (std::chrono::milliseconds waited{0}; !has_ended(); waited += kLook) {
    if (waited >= limit) return std::nullopt;
    poll(nullptr, 0, static_cast<int>(kLook.count()));
  }
  collect();
  return status_;
}

void ChildProcess::kill() {
  if (status_) return;
  if (look() == Look::runs) ::kill(process_, SIGKILL);
  collect();
}

int out_of_the_way(int descriptor) {
  int moved = -1;
  if (descriptor >= 0) {
    moved = fcntl(descriptor, F_DUPFD_CLOEXEC, kLeastDescriptor);
    if (moved < 0 && errno == EINVAL) errno = EMFILE;  // the limit is below that number
    const int error = errno;
    close(descriptor);
    errno = error;
  }
  if (moved >= 0) return moved;
  throw Error(ErrorKind::run, "too-many-files",
              fmt::format("cannot open what a process of its own needs: {}", std::generic_category().message(errno)),
              "`ulimit -n` shows how many files there may be open");
}

}  // namespace millrace::pipelines
