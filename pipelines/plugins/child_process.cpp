#include "child_process.hpp"

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
#include <csignal>
#include <cstring>
#include <string_view>
#include <system_error>

namespace millrace::pipelines {
namespace {

using Clock = std::chrono::steady_clock;

// A process of the child's may keep the pipe open after the child has died, so its end is looked for this often too.
constexpr int kLookMs = 20;
constexpr std::size_t kMostBytes = 1U << 16U;
// What the process writes: kDone and a text, or kError and three; each ends with a zero. Less than that is a death.
constexpr char kDone = 'D', kError = 'E';

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

[[noreturn]] void be_child(int report, int error_output, const std::function<std::string()>& body) {
  enter_quarantine(error_output);
  try {
    write_report(report, kDone + body() + '\0');
  } catch (const Error& error) {
    write_report(report, report_of(error));
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

/// The forked process, as seen from ours.
class Child {
 public:
  explicit Child(const std::function<std::string()>& body) {
    process_ = fork();
    if (process_ < 0)
      throw Error(ErrorKind::run, "no-process",
                  fmt::format("cannot start a process: {}", std::generic_category().message(errno)));
    if (process_ == 0) be_child(report_pipe_.writer(), error_pipe_.writer(), body);
    setpgid(process_, process_);  // here too: whoever comes first
    report_pipe_.close_writer();
    error_pipe_.close_writer();
    for (const Pipe* pipe : {&report_pipe_, &error_pipe_}) fcntl(pipe->reader(), F_SETFL, O_NONBLOCK);
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  ChildEnd wait(std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    while (!is_complete() && !ended_ && Clock::now() < deadline) listen();
    ChildEnd end = how_it_ended();
    end.last_words = last_words();
    return end;
  }

 private:
  bool is_complete() const {
    const auto texts = std::count(report_.begin(), report_.end(), '\0');
    return (report_.starts_with(kDone) && texts == 1) || (report_.starts_with(kError) && texts == 3);
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

  ChildEnd how_it_ended() const {
    if (is_complete() && report_[0] == kDone)
      return {ChildEnd::How::returned, report_.substr(1, report_.size() - 2), {}, 0, {}};
    if (is_complete()) return {ChildEnd::How::threw, {}, reported_error(), 0, {}};
    if (!ended_) return {ChildEnd::How::hung, {}, {}, 0, {}};
    if (WIFSIGNALED(status_)) return {ChildEnd::How::crashed, {}, {}, WTERMSIG(status_), {}};
    return {ChildEnd::How::exited, {}, {}, WEXITSTATUS(status_), {}};
  }

  Error reported_error() const {
    std::array<std::string, 3> texts;
    std::size_t at = 1;
    for (std::string& text : texts) {
      text = report_.c_str() + at;
      at += text.size() + 1;
    }
    return {ErrorKind::plugin, texts[0], texts[1], texts[2]};
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

  Pipe report_pipe_, error_pipe_;
  pid_t process_ = -1;
  int status_ = 0;
  bool ended_ = false;
  std::string report_, error_output_;
};

}  // namespace

std::string signal_text(int number) {
  const char* text = sigdescr_np(number);
  return text == nullptr ? fmt::format("signal {}", number) : text;
}

ChildEnd run_in_child(std::chrono::milliseconds limit, const std::function<std::string()>& body) {
  return Child(body).wait(limit);
}

}  // namespace millrace::pipelines
