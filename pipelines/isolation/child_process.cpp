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
constexpr int kFirstDescriptor = 3;

class Actions {
 public:
  explicit Actions(const std::vector<int>& descriptors) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    int number = kFirstDescriptor;
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

}  // namespace

// Not a fork: the run has threads, and between a fork and an exec nothing but a few system calls would be safe.
ChildProcess::ChildProcess(const std::string& program, std::vector<std::string> arguments,
                           const std::vector<int>& descriptors) {
  std::vector<char*> texts;
  for (std::string& argument : arguments) texts.push_back(argument.data());
  texts.push_back(nullptr);
  const Actions actions(descriptors);
  const Attributes attributes;
  const int error =
      posix_spawn(&process_, program.c_str(), &actions.actions, &attributes.attributes, texts.data(), environ);
  if (error != 0)
    throw Error(ErrorKind::run, "no-process",
                fmt::format("cannot start `{}`: {}", program, std::generic_category().message(error)),
                "`ulimit -u` shows how many processes there may be");
}

ChildProcess::~ChildProcess() { kill(); }

// Looks without taking: while nobody has taken the status, the number belongs to no other process.
bool ChildProcess::has_ended() const {
  siginfo_t info{};
  const int result = waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT);
  return (result == 0 && info.si_pid == process_) || (result != 0 && errno == ECHILD);
}

void ChildProcess::collect() {
  ::kill(-process_, SIGKILL);  // what it has started
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = status;
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
  ::kill(process_, SIGKILL);
  collect();
}

}  // namespace millrace::pipelines
