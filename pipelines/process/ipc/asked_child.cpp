// Polls two pipes, the report and the error output, until the report is complete, the child has ended or the time is up. A report begins
// with its size, so that a part of one does not pass for all.
#include "asked_child.hpp"

#include "child_process.hpp"
#include "process/exit_watch.hpp"
#include "wire.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <system_error>

namespace millrace::pipelines {
namespace {

using Clock = std::chrono::steady_clock;

// A process of the child's may keep the pipe open after the child has died, so its end is looked for this often too.
constexpr int kLookMs = 20;
constexpr auto kSlow = std::chrono::seconds(1);
constexpr int kReport = ChildProcess::kFirstDescriptor;  // of the child's
constexpr std::size_t kMostBytes = 1U << 16U;

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

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(kReport, text.data(), text.size());
    if (written <= 0) exit_now(1);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Less than all of it is a death.
void write_report(const WireWriter& report) {
  WireWriter whole;
  whole.text(report.bytes());
  write_all(whole.bytes());
}

void write_done(std::string_view answer) {
  WireWriter report;
  report.put(true);
  report.text(answer);
  write_report(report);
}

void write_problem(const Problem& problem) {
  WireWriter report;
  report.put(false);
  write(report, problem);
  write_report(report);
}

// Dies with its parent; leaves no core file; a plugin that talks is not listened to.
bool enter_quarantine(long parent) {
  struct stat facts {};
  if (fstat(kReport, &facts) != 0 || !S_ISFIFO(facts.st_mode)) return false;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  dup2(nowhere, STDOUT_FILENO);
  return getppid() == parent;
}

std::vector<std::string> arguments_of(const Question& question) {
  std::vector<std::string> arguments = question.arguments;
  arguments.insert(arguments.begin(), question.program);
  arguments.insert(arguments.begin() + 2, std::to_string(getpid()));
  return arguments;
}

/// The process, as seen from ours.
class Child {
 public:
  explicit Child(const Question& question)
      : process_(question.program, arguments_of(question), {report_pipe_.writer()}, error_pipe_.writer()) {
    report_pipe_.close_writer();
    error_pipe_.close_writer();
    for (const Pipe* pipe : {&report_pipe_, &error_pipe_}) fcntl(pipe->reader(), F_SETFL, O_NONBLOCK);
  }

  ChildEnd wait(std::chrono::milliseconds limit, const std::function<void()>& is_slow) {
    const auto began = Clock::now();
    for (bool told = !is_slow; !is_complete() && !status_ && Clock::now() < began + limit; listen()) {
      if (told || Clock::now() < began + kSlow) continue;
      is_slow();
      told = true;
    }
    ChildEnd end = how_it_ended();
    end.last_words = last_words();
    return end;
  }

 private:
  bool is_complete() const {
    std::uint64_t size = 0;
    if (report_.size() < sizeof size) return false;
    std::memcpy(&size, report_.data(), sizeof size);
    return report_.size() - sizeof size >= size;
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
    status_ = process_.wait(std::chrono::milliseconds(0));
    if (status_)
      drain(error_pipe_, error_output_);
    else if (report_over)
      poll(nullptr, 0, 1);
  }

  ChildEnd how_it_ended() const {
    if (is_complete()) return reported();
    if (!status_) return {ChildEnd::How::hung, {}, {}, 0, {}};
    if (*status_ == ChildProcess::kUnknownEnd) return {ChildEnd::How::exited, {}, {}, *status_, {}};
    if (WIFSIGNALED(*status_)) return {ChildEnd::How::crashed, {}, {}, WTERMSIG(*status_), {}};
    return {ChildEnd::How::exited, {}, {}, WEXITSTATUS(*status_), {}};
  }

  ChildEnd reported() const {
    const std::string report = WireReader(report_).text();
    WireReader from(report);
    if (from.flag()) return {ChildEnd::How::returned, from.text(), {}, 0, {}};
    return {ChildEnd::How::threw, {}, Error(read_problem(from)), 0, {}};
  }

  std::string last_words() const {
    std::string_view text = error_output_;
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    return std::string(text.substr(text.rfind('\n') + 1).substr(0, 300));
  }

  Pipe report_pipe_, error_pipe_;
  std::string report_, error_output_;
  std::optional<int> status_;
  ChildProcess process_;  // goes first, with all that it has started
};

}  // namespace

std::string signal_text(int number) {
  const char* text = sigdescr_np(number);
  return text == nullptr ? fmt::format("signal {}", number) : text;
}

ChildEnd ask_in_child(const Question& question) { return Child(question).wait(question.limit, question.is_slow); }

// Ends here, not in main: what the code has registered for the end is nobody's concern.
int answer_parent(long parent, const std::function<std::string()>& body) {
  if (!enter_quarantine(parent)) {
    std::fputs("a process that answers pipeline-run is started by it\n", stderr);
    return static_cast<int>(ErrorKind::usage);
  }
  try {
    write_done(body());
  } catch (const Error& error) {
    write_problem(error.problem());
  } catch (...) {
    exit_now(1);
  }
  exit_now(0);
}

}  // namespace millrace::pipelines
