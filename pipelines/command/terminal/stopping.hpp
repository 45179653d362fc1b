// What a run's first signal sets in motion: an answer to the user, and an end where the run cannot come to one itself.
#pragma once

#include "process/stop_signals.hpp"
#include "run/report/active_nodes.hpp"
#include "run_output.hpp"

#include <atomic>
#include <mutex>
#include <thread>

namespace millrace::pipelines {

/// What a first signal is answered with, by the thread that takes signals. Before and after the run it is written at once.
class StopNote {
 public:
  explicit StopNote(bool wanted) : is_wanted(wanted) {}
  ActiveNodes at_work;
  std::atomic<bool> is_wanted;

  /// From here on through `output`, which outlives that; null: at once.
  void follow(RunOutput* output);
  void write(int signal);

 private:
  std::mutex mutex_;
  RunOutput* output_ = nullptr;
};

/// While it lives, what a signal is answered with goes where the run's output goes.
class Following {
 public:
  Following(StopNote& note, RunOutput& output) : note_(note) { note_.follow(&output); }
  ~Following() { note_.follow(nullptr); }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

 private:
  StopNote& note_;
};

/// The signals of a run, and what answers them.
struct Stopping {
  StopNote note;
  std::atomic<bool> is_telling{false};
  StopSignals signals;  // last: its thread hears of all others

  explicit Stopping(bool wants_note) : note(wants_note), signals([this](int signal) { hear(signal); }) {}

  /// While it lives, what the run has come to is told, and a signal gives that a second; one that came before does, too.
  struct Telling {
    explicit Telling(Stopping& of) : stopping(of) {
      stopping.is_telling = true;
      if (const int signal = stopping.signals.first(); signal != 0)
        limit = std::thread([this, signal] { stopping.leave_unless_told(signal); });
    }
    ~Telling() {
      stopping.is_telling = false;
      if (limit.joinable()) limit.join();
    }
    Telling(const Telling&) = delete;
    Telling& operator=(const Telling&) = delete;
    Stopping& stopping;
    std::thread limit;
  };

 private:
  void hear(int signal);
  void leave_unless_told(int signal) const;
};

}  // namespace millrace::pipelines
