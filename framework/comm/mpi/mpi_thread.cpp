// A polling loop: it takes what stages have posted, spins for half a millisecond while messages are under way, then sleeps in short steps.
// A collective that exceeds its timeout starts a probe; a failure cancels all collectives and ends in MPI_Abort.
#include "mpi_thread.hpp"

#include "mpi_call.hpp"

#include <millrace/error.hpp>

#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <tuple>

namespace millrace::comm {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr int kLost = static_cast<int>(ErrorKind::stalled);
constexpr milliseconds kPatience{600};    // for an answer; launchers kill one second after their first signal
constexpr milliseconds kGrace{2000};      // for stages to unwind after a failure
constexpr milliseconds kDeparture{3000};  // for a run that has ended well to end MPI
constexpr microseconds kSpin{500};        // then a message is not just under way, its sender is late

[[noreturn]] void end_process(const std::string& text) {
  const std::string line = "error[peer-lost]: " + text + "\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  _exit(kLost);
}

std::string seconds_text(Clock::duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", std::chrono::duration<double>(duration).count());
  return text;
}

}  // namespace

MpiThread::MpiThread(double timeout_seconds)
    : timeout_(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_seconds))),
      thread_([this] { run(); }) {
  std::unique_lock lock(mutex_);
  if (!over_.wait_for(lock, timeout_, [this] { return started_; }))
    end_process("MPI did not start within " + seconds_text(timeout_) + ": a rank has not come up");
  if (start_error_.empty()) return;
  lock.unlock();
  thread_.join();
  throw Error(ErrorKind::stalled, "peer-lost", "MPI could not start: " + start_error_);
}

MpiThread::~MpiThread() {
  if (thread_.joinable()) leave(kLost);
}

void MpiThread::run() noexcept {
  prctl(PR_SET_TIMERSLACK, 1000UL);  // short sleeps are to be short
  try {
    start();
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    start_error_ = error.what();
  }
  {
    const std::lock_guard lock(mutex_);
    started_ = true;
    over_.notify_all();
    if (!start_error_.empty()) return;
  }
  for (;;) {
    try {
      return loop();
    } catch (const std::exception& error) {  // of a call of MPI: the way to some rank is broken
      if (told_) end_process(error.what());
      declare_failed(std::string(error.what()) + waiting_text(), true);
    }
  }
}

void MpiThread::start() {
  int provided = 0;
  mpi_call(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_FUNNELED)
    throw std::runtime_error("this MPI allows no threads beside the one that calls it");
  mpi_call(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  mpi_call(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
  box_ = std::make_unique<MessageBox>(MPI_COMM_WORLD);
  MPI_Comm start = MPI_COMM_NULL;
  mpi_call(MPI_Comm_dup(MPI_COMM_WORLD, &start), "MPI_Comm_dup");
  channels_.push_back(std::make_unique<MpiChannel>(start, "the run's start and end", ""));
  names_.emplace_back("the run's start and end", "");
  gone_.assign(static_cast<std::size_t>(size_), false);
  changed_ = Clock::now();
}

void MpiThread::loop() {
  for (;;) {
    take_posted();
    notice_own_failure();
    const bool active = progress();
    read_messages();
    const Clock::time_point now = Clock::now();
    check_timeouts(now);
    check_liveness();
    resolve_probe(now);
    if (canceled_)
      for (const auto& channel : channels_) channel->drain();
    end_failed_run(now);
    if (may_leave()) return finalize();
    back_off(active);
  }
}

void MpiThread::take_posted() {
  std::vector<std::pair<int, std::shared_ptr<Operation>>> posted;
  {
    const std::lock_guard lock(mutex_);
    posted.swap(posted_);
  }
  for (auto& [channel, operation] : posted) {
    if (canceled_) {
      over(operation, Operation::End::canceled);
      continue;
    }
    channels_[static_cast<std::size_t>(channel)]->add(std::move(operation));
    changed_ = Clock::now();
  }
}

// By index: an operation that is over may add a channel.
bool MpiThread::progress() {
  if (canceled_) return false;
  bool active = false;
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    while (const auto done = channels_[i]->progress()) over(done, Operation::End::done);
    active |= channels_[i]->front() != nullptr;
  }
  return active;
}

void MpiThread::over(const std::shared_ptr<Operation>& operation, Operation::End end) {
  if (operation->duplicates && end == Operation::End::done)
    channels_.push_back(std::make_unique<MpiChannel>(operation->duplicate, operation->node, operation->stage));
  changed_ = Clock::now();
  const std::lock_guard lock(mutex_);
  operation->over = true;
  operation->end = end;
  over_.notify_all();
}

void MpiThread::read_messages() {
  box_->receive([this](int from, const Message& message) { handle(from, message); });
}

void MpiThread::handle(int from, const Message& message) {
  switch (message.kind) {
    case MessageKind::ask: {
      Message answer = message;
      answer.kind = MessageKind::answer;
      const auto channel = static_cast<std::size_t>(message.channel);
      answer.entered = channel < channels_.size() ? channels_[channel]->entered() : 0;
      box_->send(from, answer);
      break;
    }
    case MessageKind::answer:
      if (probe_) probe_->answer(from, message);
      break;
    case MessageKind::failed:
      declare_failed(std::string(message.text) + waiting_text(), false);
      break;
    case MessageKind::gone:
      gone_[static_cast<std::size_t>(from)] = true;
      break;
  }
}

void MpiThread::check_timeouts(Clock::time_point now) {
  if (probe_ || canceled_) return;
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    const Operation* front = channels_[i]->front();
    if (front == nullptr || !front->started || now - front->began < timeout_) continue;
    probe_.emplace(*box_, rank_, size_, static_cast<int>(i), front->index, kPatience);
    return;
  }
}

// A launcher that has lost a rank sends the others a signal before it kills them. It may also be a user's, who wants all
// ranks to stop: then everybody answers.
void MpiThread::check_liveness() {
  const int signal = requested_stop();
  if (signal == 0 || signal == asked_for_signal_ || probe_ || canceled_) return;
  asked_for_signal_ = signal;
  probe_.emplace(*box_, rank_, size_, kStartChannel, 0, kPatience);
}

void MpiThread::resolve_probe(Clock::time_point now) {
  if (!probe_ || !probe_->is_over(now)) return;
  const LivenessProbe probe = *std::exchange(probe_, std::nullopt);
  const std::string blame = probe.blame();
  const Operation* front = channels_[static_cast<std::size_t>(probe.channel())]->front();
  const bool late = front != nullptr && front->started && now - front->began >= timeout_;
  if (canceled_ || (blame.empty() && !late)) return;
  if (late)
    declare_failed((blame.empty() ? "every rank is alive, but the data do not come through" : blame) + ": " +
                       channels_[static_cast<std::size_t>(probe.channel())]->name_of(*front) + " has taken more than " +
                       seconds_text(timeout_),
                   true);
  else
    declare_failed(blame + waiting_text(), true);
}

std::string MpiThread::waiting_text() const {
  for (const auto& channel : channels_)
    if (const Operation* front = channel->front())
      return "; rank " + std::to_string(rank_) + " waited in " + channel->name_of(*front);
  return {};
}

void MpiThread::declare_failed(const std::string& text, bool tell) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = Failure{false, text, Clock::now()};
  }
  if (tell && !told_) box_->send_to_all(failed_message(text));
  told_ = true;
  cancel_all();
}

void MpiThread::notice_own_failure() {
  std::optional<Failure> failure;
  {
    const std::lock_guard lock(mutex_);
    failure = failure_;
  }
  if (failure && failure->own && !told_) {
    told_ = true;
    box_->send_to_all(failed_message("rank " + std::to_string(rank_) + " failed: " + failure->text));
  }
  if (!canceled_ && (failure || agreed_stop_ != 0)) cancel_all();
}

void MpiThread::cancel_all() {
  if (canceled_) return;
  canceled_ = true;
  probe_.reset();
  for (const auto& channel : channels_)
    for (const auto& operation : channel->give_up()) over(operation, Operation::End::canceled);
}

// A message that is under way is worth a spin, a rank that is late is not.
void MpiThread::back_off(bool active) {
  if (active && Clock::now() - changed_ < kSpin) {
    sched_yield();
    return;
  }
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, active ? microseconds(50) : microseconds(1000),
                 [this] { return !posted_.empty() || leave_code_.has_value(); });
}

bool MpiThread::may_leave() {
  const std::lock_guard lock(mutex_);
  return leave_code_.has_value() && !failure_;
}

// Others get the time to unwind; ranks that have not ended by then are ended by the launcher.
void MpiThread::end_failed_run(Clock::time_point now) {
  std::optional<int> code;
  Clock::time_point when;
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) return;
    code = leave_code_;
    when = failure_->when;
    text = failure_->text;
  }
  if (code && !gone_sent_) {
    Message message;
    message.kind = MessageKind::gone;
    box_->send_to_all(message);
    gone_sent_ = gone_[static_cast<std::size_t>(rank_)] = true;
  }
  bool all_gone = true;
  for (const bool gone : gone_) all_gone = all_gone && gone;
  if (!all_gone && now - when < kGrace) return;
  if (!code) {
    const std::string line = "error[peer-lost]: " + text + "; a stage of rank " + std::to_string(rank_) +
                             " does not come back, so the process ends here\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  }
  MPI_Abort(MPI_COMM_WORLD, code.value_or(kLost));
  _exit(code.value_or(kLost));
}

void MpiThread::finalize() {
  const Clock::time_point until = Clock::now() + kDeparture;
  MPI_Request barrier = MPI_REQUEST_NULL;
  mpi_call(MPI_Ibarrier(channels_.front()->communicator(), &barrier), "MPI_Ibarrier");
  for (int done = 0; done == 0; usleep(20)) {
    for (const auto& channel : channels_)
      if (canceled_) channel->drain();
    read_messages();
    mpi_call(MPI_Test(&barrier, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done == 0 && Clock::now() > until) end_process("another rank does not end");
  }
  box_->close();
  mpi_call(MPI_Finalize(), "MPI_Finalize");
}

int MpiThread::open_channel(const std::string& node, const std::string& stage) {
  auto operation = std::make_shared<Operation>();
  operation->what = "duplication";
  operation->duplicates = true;
  operation->node = node;
  operation->stage = stage;
  int index = 0;
  {
    const std::lock_guard lock(mutex_);
    index = static_cast<int>(names_.size());
    names_.emplace_back(node, stage);
    posted_.emplace_back(kStartChannel, operation);
  }
  wake_.notify_one();
  wait(*operation);
  return index;
}

std::shared_ptr<Operation> MpiThread::post(int channel, const char* what, std::vector<Round> rounds,
                                           std::vector<float> scratch) {
  auto operation = std::make_shared<Operation>();
  operation->what = what;
  operation->rounds = std::move(rounds);
  operation->scratch = std::move(scratch);
  {
    const std::lock_guard lock(mutex_);
    std::tie(operation->node, operation->stage) = names_[static_cast<std::size_t>(channel)];
    posted_.emplace_back(channel, operation);
  }
  wake_.notify_one();
  return operation;
}

void MpiThread::wait(Operation& operation) {
  std::unique_lock lock(mutex_);
  over_.wait(lock, [&] { return operation.over; });
  if (operation.end == Operation::End::done) return;
  if (failure_ && !failure_->own)
    throw Error(ErrorKind::stalled, "peer-lost", failure_->text + arrival_text(operation),
                "look at what that rank has printed; if it is only slow, raise MILLRACE_PEER_TIMEOUT (seconds)");
  throw Error(ErrorKind::run, "canceled", "the run is stopping");
}

void MpiThread::wait_quietly(Operation& operation) noexcept {
  std::unique_lock lock(mutex_);
  over_.wait(lock, [&] { return operation.over; });
}

// A collective that was given up before it began is not in the failure's text yet.
std::string MpiThread::arrival_text(const Operation& operation) const {
  if (operation.started) return {};
  return "; rank " + std::to_string(rank_) + " had come to " + operation.what + " of " +
         (operation.stage.empty() ? operation.node : "node `" + operation.node + "` (stage " + operation.stage + ")");
}

int MpiThread::requested_stop() const {
  const std::atomic<int>* request = request_;
  return request == nullptr ? 0 : request->load(std::memory_order_relaxed);
}

void MpiThread::agree_to_stop(int signal) {
  agreed_stop_ = signal;
  wake_.notify_one();
}

void MpiThread::fail(const std::string& text) noexcept {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = Failure{true, text, Clock::now()};
  wake_.notify_one();
}

void MpiThread::leave(int exit_code) noexcept {
  {
    const std::lock_guard lock(mutex_);
    leave_code_ = exit_code;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace millrace::comm
