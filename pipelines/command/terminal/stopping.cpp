// A signal must get an answer also while the run's own thread waits: for a stage's call, or for a slow reader of the results.
#include "stopping.hpp"

#include "process/call_limit.hpp"
#include "process/exit_watch.hpp"
#include "stop_note.hpp"
#include "terminal.hpp"

#include <unistd.h>

#include <chrono>
#include <thread>

namespace millrace::pipelines {

void StopNote::follow(RunOutput* output) {
  const std::lock_guard lock(mutex_);
  output_ = output;
}

void StopNote::write(int signal) {
  if (!is_wanted) return;
  const std::lock_guard lock(mutex_);
  if (output_ != nullptr) return output_->note(stop_note_text(signal, at_work.now()));
  if (takes_text(STDERR_FILENO)) write_note(early_stop_note_text(signal));
}

// Before and after the run nobody looks at the signal while a stage's call lasts, or while nobody reads the results.
void Stopping::hear(int signal) {
  note.write(signal);
  CallLimits::stop_by(signal);
  if (is_telling) leave_unless_told(signal);
}

void Stopping::leave_unless_told(int signal) const {
  constexpr std::chrono::milliseconds kSlice{20}, kAll{1000};
  for (auto waited = kSlice; waited <= kAll && is_telling; waited += kSlice) std::this_thread::sleep_for(kSlice);
  if (is_telling) exit_now(128 + signal);
}

}  // namespace millrace::pipelines
