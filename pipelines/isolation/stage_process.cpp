// Sends a request and receives messages until one ends it; no answer in time, death by a signal, an exit and a garbled answer are different
// errors. A flag in shared memory asks the stage to stop.
#include "stage_process.hpp"

#include <millrace/detail/system_failure.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

// A process that has hung up is about to end.
constexpr std::chrono::milliseconds kEndLimit{5'000};

struct SocketPair {
  int ours, theirs;
};

SocketPair make_sockets() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw system_failure({errno, std::generic_category()}, "make a socket to the process of a stage");
  int ours = -1;
  try {
    ours = out_of_the_way(ends[0]);
    return {ours, out_of_the_way(ends[1])};
  } catch (...) {
    close(ours < 0 ? ends[1] : ours);
    throw;
  }
}

std::string how_it_ended(int status) {
  if (status == ChildProcess::kUnknownEnd) return "has ended; how is not known, because something here ignores SIGCHLD";
  if (!WIFSIGNALED(status)) return fmt::format("has ended itself, with exit code {}", WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const char *name = sigabbrev_np(number), *text = sigdescr_np(number);
  if (name == nullptr) return fmt::format("was ended by signal {}", number);
  return fmt::format("was ended by SIG{} ({})", name, text);
}

std::string what_to_do(int status) {
  if (status == ChildProcess::kUnknownEnd) return "a plugin leaves the handling of SIGCHLD alone";
  if (!WIFSIGNALED(status)) return "a stage throws millrace::Error instead of calling exit()";
  if (WTERMSIG(status) == SIGKILL)
    return "a stage does not do that to itself: the system may have been short of memory (see its log), or somebody "
           "sent it";
  return "run it with `isolate: none` under a debugger (gdb --args pipeline-run ...) to see where";
}

}  // namespace

StageProcess::StageProcess(const std::string& worker_program, std::chrono::milliseconds limit)
    : limit_(limit), inputs_("millrace inputs"), outputs_("millrace outputs"), packets_(inputs_, outputs_) {
  inputs_.grow_to(whole_pages(1));
  const SocketPair sockets = make_sockets();
  channel_ = std::make_unique<Channel>(sockets.ours, limit, [this] { return !process_ || !process_->has_ended(); });
  try {
    process_ = std::make_unique<ChildProcess>(
        worker_program, std::vector<std::string>{"pipeline-run", kStageWorkerArgument, fmt::format("{}", getpid())},
        std::vector<int>{sockets.theirs, inputs_.descriptor(), outputs_.descriptor()}, STDERR_FILENO);
  } catch (...) {
    close(sockets.theirs);
    throw;
  }
  close(sockets.theirs);
}

StageProcess::~StageProcess() {
  if (!gone_) give_up();
}

// Ends the worker and discards its state: unread messages, and the packets that it was lent.
void StageProcess::give_up() {
  gone_ = true;
  process_->kill();
  channel_->close();
  packets_.release_all();
}

void StageProcess::require_there() const {
  if (gone_) throw Error(ErrorKind::run, "canceled", "the process of the stage has ended");
}

void StageProcess::throw_end() {
  if (channel_->state() == Channel::State::silent) {
    give_up();
    throw Error(
        ErrorKind::stalled, "stage-hung",
        fmt::format("a call of the stage has taken more than {} s", static_cast<double>(limit_.count()) / 1000),
        "look for a wait or an endless loop in the stage; `run: {timeout: SECONDS}` of the node gives it longer");
  }
  const std::optional<int> status = process_->wait(kEndLimit);
  give_up();
  if (!status)
    throw Error(ErrorKind::run, "stage-crashed", "the process of the stage has closed its line to the run",
                "a stage leaves descriptors that it has not opened alone");
  throw Error(ErrorKind::run, "stage-crashed", "the process of the stage " + how_it_ended(*status),
              what_to_do(*status));
}

std::string StageProcess::next(const std::function<bool()>& is_stopping) {
  std::optional<std::string> message = channel_->receive([&] {
    if (told_to_stop_ || !is_stopping()) return;
    tell_to_stop(true);
  });
  if (!message) throw_end();
  return std::move(*message);
}

void StageProcess::tell_to_stop(bool stop) {
  const StopFlag flag = stop ? 1 : 0;
  inputs_.write(0, std::as_bytes(std::span(&flag, 1)));
  told_to_stop_ = stop;
}

std::string StageProcess::call(const WireWriter& request, const TakeMessage& take,
                               const std::function<bool()>& is_stopping) {
  require_there();
  if (told_to_stop_ && !is_stopping()) tell_to_stop(false);  // that was of a later epoch
  channel_->begin();
  std::exception_ptr thrown;
  try {
    if (!channel_->send(request.bytes())) throw_end();
    for (;;) {
      const std::string message = next(is_stopping);
      WireReader answer(message);
      const auto kind = answer.one_of(WorkerMessage::warning);
      if (kind == WorkerMessage::done || kind == WorkerMessage::failed) {
        packets_.release(answer);
        if (thrown) std::rethrow_exception(thrown);
        if (kind == WorkerMessage::failed) throw_exception(answer);
        std::string value = answer.text();
        answer.require_end();
        return value;
      }
      try {
        if (!thrown || kind == WorkerMessage::stop_after) take(kind, answer);
      } catch (const Error& error) {
        if (error.name() == "stage-garbled") throw;
        thrown = std::current_exception();
      } catch (...) {
        thrown = std::current_exception();
      }
    }
  } catch (const Error& error) {
    if (error.name() == "stage-garbled" && !gone_) give_up();
    throw;
  }
}

void StageProcess::end() {
  if (std::exchange(gone_, true)) return;
  WireWriter request;
  request.put(Request::end);
  channel_->begin();
  channel_->send(request.bytes());
  channel_->close();
  const std::optional<int> status = process_->wait(limit_);
  process_->kill();
  packets_.release_all();
  if (!status)
    throw Error(ErrorKind::stalled, "stage-hung", "the process of the stage does not end",
                "look for a wait in the destructor of the stage");
  if (!WIFEXITED(*status) || WEXITSTATUS(*status) != kEndedInOrder)
    throw Error(ErrorKind::run, "stage-crashed", "the process of the stage, asked to end, " + how_it_ended(*status),
                "look for a defect in the destructor of the stage, or a call of exit() in it");
}

}  // namespace millrace::pipelines
