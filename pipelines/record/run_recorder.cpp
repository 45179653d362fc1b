// Appending is one write and done at once; bringing to the disk takes as long as some epochs, and is a thread's, which rests in between.
#include "run_recorder.hpp"

#include "diagnostics/diagnostics.hpp"
#include "diagnostics/printable_text.hpp"
#include "record/audit/row_lines.hpp"
#include "record/folder/record_failure.hpp"
#include "run/report/report_diagnostics.hpp"

#include <millrace/error.hpp>

#include <chrono>
#include <utility>

namespace millrace::pipelines {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kEpochKind = "epoch";
// While lines are brought to the disk none is appended: so that takes a twentieth of the time, whatever disk and epochs take.
constexpr int kRestsASync = 19;

JournalLine line_of(const Metrics& metrics, std::int64_t attempt) {
  JournalLine line;
  line.attempt = attempt;
  line.position = {metrics.epoch, 0};
  line.kind = kEpochKind;
  for (const auto& [name, value] : metrics.values) line.values.insert_or_assign(name, value);
  return line;
}

}  // namespace

RunRecorder::RunRecorder(RunFolder folder) try
    : folder_(std::move(folder)),
      log_(folder_.log_path()),
      journal_(folder_.metrics_path()),
      thread_([this] { sync_lines(); }) {
} catch (const Error& error) {
  throw with_ways_out(error);
}

RunRecorder::~RunRecorder() {
  try {
    close();
  } catch (...) {  // NOLINT(bugprone-empty-catch): whoever wants to hear of it has called it
  }
}

void RunRecorder::write_events(std::span<const Metrics> earlier) try {
  events_.emplace(folder_.attempt_folder(), earlier);
} catch (const Error& error) {
  throw with_ways_out(error);
}

void RunRecorder::log(std::string_view text) {
  const std::lock_guard lock(fault_mutex_);
  if (is_faulty_) return;
  try {
    log_.write(printable(text));
  } catch (...) {
    is_faulty_ = true;
    fault_ = std::current_exception();
  }
}

// The first fault is what is told.
void RunRecorder::note_fault() {
  const std::lock_guard lock(fault_mutex_);
  if (!std::exchange(is_faulty_, true)) fault_ = std::current_exception();
}

void RunRecorder::throw_fault() {
  const std::lock_guard lock(fault_mutex_);
  if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
}

void RunRecorder::end_run(const Error& error) {
  const std::lock_guard lock(fault_mutex_);
  if (!end_) end_ = error;
}

void RunRecorder::throw_end() {
  const std::lock_guard lock(fault_mutex_);
  if (end_ && !std::exchange(has_ended_, true)) throw Error(*end_);
}

bool RunRecorder::append(const JournalLine& line, const Metrics* metrics) {
  const std::lock_guard lock(mutex_);
  {
    const std::lock_guard fault_lock(fault_mutex_);
    if (is_over_ || is_faulty_) return false;
  }
  try {
    folder_.claim().require_held();
    journal_.append(line);
    if (line.kind == kEpochKind) appended_ = static_cast<std::uint32_t>(line.position.epoch);
    if (events_ && metrics != nullptr) events_->append(*metrics);
  } catch (...) {
    note_fault();
    return false;
  }
  changed_.notify_all();
  return true;
}

// A journal that was closed when the run was given up takes nothing more.
bool RunRecorder::append_synced(const JournalLine& line) {
  const std::lock_guard lock(mutex_);
  folder_.claim().beat();
  const bool is_new = journal_.append(line);
  journal_.sync();
  on_disk_ = appended_;
  return is_new;
}

// What nobody writes any more need not be tried again.
bool RunRecorder::try_append(const JournalLine& line) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return false;
  {
    const std::lock_guard fault_lock(fault_mutex_);
    if (is_over_ || is_faulty_) return true;
  }
  try {
    folder_.claim().require_held();
    journal_.append(line);
  } catch (...) {
    note_fault();
  }
  return true;
}

void RunRecorder::sync_lines() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_over_ || appended_ != on_disk_; });
    if (appended_ == on_disk_ || !sync_once(lock)) return;
  }
}

// False when nothing more can be brought to the disk.
bool RunRecorder::sync_once(std::unique_lock<std::mutex>& lock) try {
  const auto began = Clock::now();
  journal_.sync();
  if (events_) events_->sync();
  on_disk_ = appended_;
  const auto rest = (Clock::now() - began) * kRestsASync;
  changed_.wait_for(lock, rest, [this] { return is_over_; });
  return true;
} catch (...) {
  note_fault();
  return false;
}

void RunRecorder::close() {
  const std::lock_guard closing(closing_);
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  throw_fault();
}

void RunRecorder::step(const std::string& node, const StepProgress& progress) {
  if (stepped_) stepped_(node, progress);
  if (inner_ != nullptr) inner_->step(node, progress);
}

void RunRecorder::epoch(const Metrics& metrics, bool complete) {
  if (complete && append(line_of(metrics, folder_.attempt()), &metrics) && told_) told_(metrics);
  if (inner_ != nullptr) inner_->epoch(metrics, complete);
  if (complete) throw_fault();
  if (complete) throw_end();
}

// Before the line of its epoch: an epoch that is complete has its account.
void RunRecorder::rows(std::uint32_t epoch, const std::map<std::string, RowAccount>& by_node) {
  append(rows_line(folder_.attempt(), epoch, by_node));
  if (inner_ != nullptr) inner_->rows(epoch, by_node);
}

void RunRecorder::print(std::string_view text) {
  log(text);
  if (inner_ != nullptr) inner_->print(text);
}

void RunRecorder::warning(const RunWarning& warning) {
  log(render(diagnostic_of(warning)) + "\n");
  if (inner_ != nullptr) inner_->warning(warning);
}

void RunRecorder::ending(const RunFailure& failure) {
  if (inner_ != nullptr) inner_->ending(failure);
}

void RunRecorder::busy(const std::map<std::string, double>& seconds_by_node) {
  if (inner_ != nullptr) inner_->busy(seconds_by_node);
}

void RunRecorder::finish() {
  if (inner_ != nullptr) inner_->finish();
  throw_fault();
}

}  // namespace millrace::pipelines
