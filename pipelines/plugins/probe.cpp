#include "probe.hpp"

#include <millrace/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

namespace millrace::pipelines {
namespace {

using Clock = std::chrono::steady_clock;

// A process of the plugin's may keep the pipe open after the probe has died, so its end is looked for this often too.
constexpr int kLookMs = 20;
constexpr std::size_t kMostBytes = 1U << 16U;
// What the process writes: kDone, or kError and three texts that end with a zero. Less than that is a death.
constexpr char kDone = 'D', kError = 'E';

[[noreturn]] void refuse(const std::string& file, std::string name, const std::string& what, std::string help) {
  throw Error(ErrorKind::plugin, std::move(name), fmt::format("plugin `{}` {}", file, what), std::move(help));
}

std::string signal_text(int number) {
  const char* text = sigdescr_np(number);
  return text == nullptr ? fmt::format("signal {}", number) : text;
}

/// A pipe whose ends close with it.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0)
      throw Error(ErrorKind::run, "no-pipe",
                  fmt::format("cannot make a pipe: {}", std::generic_category().message(errno)));
  }
  ~Pipe() {
    for (int& end : ends_) close_end(end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void close_writer() { close_end(ends_[1]); }

 private:
  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

void write_report(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written <= 0) _exit(1);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string report_of(const Error& error) {
  std::string report(1, kError);
  for (const std::string& text : {error.name(), error.message(), error.help()}) report += text + '\0';
  return report;
}

// Its own group, so that whatever it starts ends with it; dies with us; leaves no core file; says nothing to our user.
void enter_quarantine(int error_output) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) std::signal(number, SIG_DFL);
  const int nowhere = open("/dev/null", O_RDWR);
  dup2(nowhere, STDIN_FILENO);
  dup2(nowhere, STDOUT_FILENO);
  dup2(error_output, STDERR_FILENO);
}

[[noreturn]] void run_probe(int report, int error_output, const std::function<void()>& attempt) {
  enter_quarantine(error_output);
  try {
    attempt();
    write_report(report, std::string(1, kDone));
  } catch (const Error& error) {
    write_report(report, report_of(error));
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

/// The forked process, as seen from ours.
class Probe {
 public:
  Probe(const std::string& file, const std::function<void()>& attempt) : file_(file) {
    process_ = fork();
    if (process_ < 0)
      throw Error(ErrorKind::run, "no-process",
                  fmt::format("cannot start a process: {}", std::generic_category().message(errno)));
    if (process_ == 0) run_probe(report_pipe_.writer(), error_pipe_.writer(), attempt);
    setpgid(process_, process_);  // here too: whoever comes first
    report_pipe_.close_writer();
    error_pipe_.close_writer();
    for (const Pipe* pipe : {&report_pipe_, &error_pipe_}) fcntl(pipe->reader(), F_SETFL, O_NONBLOCK);
  }
  ~Probe() { end(); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  void judge(std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    while (!is_complete() && !ended_ && Clock::now() < deadline) listen();
    if (report_.starts_with(kDone)) return;
    try {
      if (is_complete()) throw_report();
      throw_death(limit);
    } catch (Error& error) {
      if (const std::string words = last_words(); !words.empty()) error.add_note("the last it said: " + words);
      throw;
    }
  }

 private:
  bool is_complete() const {
    return report_.starts_with(kDone) ||
           (report_.starts_with(kError) && std::count(report_.begin(), report_.end(), '\0') == 3);
  }

  void listen() {
    std::array<pollfd, 2> files{pollfd{report_pipe_.reader(), POLLIN, 0}, pollfd{error_pipe_.reader(), POLLIN, 0}};
    const bool silent = poll(files.data(), files.size(), kLookMs) <= 0;
    const bool report_over = !drain(report_pipe_, report_);
    drain(error_pipe_, error_output_);
    if (silent || report_over) look(report_over);
    drain(report_pipe_, report_);
  }

  // False at the end of the pipe.
  static bool drain(const Pipe& pipe, std::string& to) {
    std::array<char, 4096> bytes{};
    ssize_t count = 0;
    while ((count = read(pipe.reader(), bytes.data(), bytes.size())) > 0)
      if (to.size() < kMostBytes) to.append(bytes.data(), static_cast<std::size_t>(count));
    return count != 0;
  }

  // A process that closed the pipe is about to end, unless it closed it on purpose: then it runs into the limit.
  void look(bool report_over) {
    if (waitpid(process_, &status_, WNOHANG) == process_)
      ended_ = true;
    else if (report_over)
      poll(nullptr, 0, 1);
    if (ended_) drain(error_pipe_, error_output_);
  }

  [[noreturn]] void throw_report() const {
    std::array<std::string, 3> texts;
    std::size_t at = 1;
    for (std::string& text : texts) {
      text = report_.c_str() + at;
      at += text.size() + 1;
    }
    throw Error(ErrorKind::plugin, texts[0], texts[1], texts[2]);
  }

  [[noreturn]] void throw_death(std::chrono::milliseconds limit) const {
    const std::string debug = fmt::format(
        "see where: gdb -ex 'set follow-fork-mode child' -ex run --args pipeline-run stages --plugin '{}'", file_);
    if (!ended_)
      refuse(file_, "plugin-hangs", fmt::format("has not registered its stages within {} ms", limit.count()),
             "look for a wait in its describe() and global objects; MILLRACE_PLUGIN_TIMEOUT_MS gives it longer");
    if (WIFSIGNALED(status_))
      refuse(file_, "plugin-crashes",
             fmt::format("crashes while it is loaded or registers its stages: {}", signal_text(WTERMSIG(status_))),
             debug);
    refuse(file_, "plugin-exits",
           fmt::format("ends the program, with exit code {}, while it is loaded or registers its stages",
                       WEXITSTATUS(status_)),
           "throw millrace::Error instead of calling exit()");
  }

  std::string last_words() const {
    std::string_view text = error_output_;
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    return std::string(text.substr(text.rfind('\n') + 1).substr(0, 300));
  }

  void end() {
    kill(-process_, SIGKILL);
    if (!ended_) {
      kill(process_, SIGKILL);
      waitpid(process_, &status_, 0);
    }
    ended_ = true;
  }

  const std::string& file_;
  Pipe report_pipe_, error_pipe_;
  pid_t process_ = -1;
  int status_ = 0;
  bool ended_ = false;
  std::string report_, error_output_;
};

}  // namespace

std::chrono::milliseconds probe_limit() {
  const char* text = std::getenv("MILLRACE_PLUGIN_TIMEOUT_MS");
  if (text == nullptr || *text == '\0') return std::chrono::seconds(10);
  int limit = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, limit);
  if (error != std::errc() || rest != end || limit < 1)
    throw Error(ErrorKind::usage, "wrong-arguments", fmt::format("MILLRACE_PLUGIN_TIMEOUT_MS is `{}`", text),
                "a positive number of milliseconds");
  return std::chrono::milliseconds(limit);
}

void probe(const std::string& file, std::chrono::milliseconds limit, const std::function<void()>& attempt) {
  Probe(file, attempt).judge(limit);
}

}  // namespace millrace::pipelines
