// Writes down what a run tells: its epochs into the journal, its warnings and texts into the log.
#pragma once

#include "event_log.hpp"
#include "log_file.hpp"
#include "record/folder/run_folder.hpp"
#include "run/report/run_observer.hpp"

#include <millrace/error.hpp>
#include <millrace/files/journal.hpp>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>

namespace millrace::pipelines {

/// Passes everything on to another observer. A line of an epoch is in the file when that one is told of the epoch. A thread brings lines to the
/// disk, several together where epochs are short, so that the run does not wait for each.
///
/// What cannot be written, and a claim that was lost, ends the run by that name: epoch() throws it once an epoch is complete, finish() where no
/// epoch follows, each after it was passed on; nothing else throws. From then on nothing is written.
class RunRecorder final : public RunObserver {
 public:
  /// An epoch is complete, and its line is in the file. Called as RunObserver::epoch is.
  using Told = std::function<void(const Metrics&)>;

  /// Opens journal and log. Throws Error of kind output, with the ways out as help.
  explicit RunRecorder(RunFolder folder);
  /// Ends as close() does, and keeps what that throws to itself.
  ~RunRecorder() override;
  RunRecorder(const RunRecorder&) = delete;
  RunRecorder& operator=(const RunRecorder&) = delete;

  RunFolder& folder() { return folder_; }
  const RunFolder& folder() const { return folder_; }
  /// Before the run; null: to nobody.
  void pass_on_to(RunObserver* inner) { inner_ = inner; }
  /// Before the run: from here on each epoch is an event for TensorBoard too. `earlier`: those that are in the journal already. Throws Error of kind output, with the
  /// ways out as help.
  void write_events(std::span<const Metrics> earlier);
  void when_told(Told told) { told_ = std::move(told); }
  /// Appends a line of another kind and brings it to the disk, with all before it. Any thread. Throws what cannot be written, and claim-lost.
  /// False: a line of that kind and position is there already.
  bool append_synced(const JournalLine& line);
  /// Appends a line of another kind, unless that would have to wait for the disk now: false then. What fails is told as above. Any thread.
  bool try_append(const JournalLine& line);
  /// Called at each step before it is passed on; what it throws is an error of the node that tells the step. Before the run.
  void when_stepped(std::function<void(const std::string& node, const StepProgress&)> stepped) {
    stepped_ = std::move(stepped);
  }
  /// The run is to end, in order, when its epoch is complete: epoch() throws the error then. Of several the first counts. Any thread.
  void end_run(const Error& error);
  /// Adds a text to the log. What fails is told as above.
  void log(std::string_view text);
  /// Everything is on the disk. Throws what could not be written and has not been told yet. Any
  /// thread, also while the run still goes on; what comes later is not written.
  void close();

  void step(const std::string& node, const StepProgress& progress) override;
  void epoch(const Metrics& metrics, bool complete) override;
  void rows(std::uint32_t epoch, const std::map<std::string, RowAccount>& by_node) override;
  void print(std::string_view text) override;
  void warning(const RunWarning& warning) override;
  void ending(const RunFailure& failure) override;
  void busy(const std::map<std::string, double>& seconds_by_node) override;
  void finish() override;

 private:
  /// False when nothing is written any more.
  bool append(const JournalLine& line, const Metrics* metrics = nullptr);
  void sync_lines();
  bool sync_once(std::unique_lock<std::mutex>& lock);
  void note_fault();
  void throw_fault();
  void throw_end();

  RunFolder folder_;
  RunObserver* inner_ = nullptr;
  Told told_;
  std::function<void(const std::string& node, const StepProgress&)> stepped_;
  LogFile log_;

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  Journal journal_;
  std::optional<EventLog> events_;
  std::optional<std::uint32_t> appended_, on_disk_;  // the last epoch
  bool is_over_ = false;

  std::mutex fault_mutex_;  // of what follows; taken last
  std::exception_ptr fault_;
  bool is_faulty_ = false;
  std::optional<Error> end_;
  bool has_ended_ = false;

  std::mutex closing_;
  std::thread thread_;
};

}  // namespace millrace::pipelines
