// The epochs of a run as events for TensorBoard, beside its journal.
#pragma once

#include <millrace/files/event_file.hpp>
#include <millrace/metrics.hpp>

#include <span>
#include <string>

namespace millrace::pipelines {

/// A file in the folder of an attempt, with each epoch of the run once. One thread at a time. Throws Error of kind output.
class EventLog {
 public:
  /// `earlier`: epochs that the attempt has from those before it; they have the time of now.
  EventLog(const std::string& attempt_folder, std::span<const Metrics> earlier);

  void append(const Metrics& metrics);
  void sync() { file_.sync(); }

 private:
  EventFile file_;
};

}  // namespace millrace::pipelines
