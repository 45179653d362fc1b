// Where a device's time goes, from when its copies and computations began and ended. What Device::times() answers with.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/device.hpp>

#include <cstddef>
#include <deque>
#include <limits>
#include <mutex>

namespace millrace {

/// A stretch of time, in seconds of one clock for host and device.
struct TimeSpan {
  double begin = 0, end = 0;
};

/// One computation of the device and when what it needed was there.
struct ComputeSpan {
  TimeSpan ran;
  double asked = 0;     ///< the host had its batch in hand
  double enqueued = 0;  ///< the host had enqueued it
  double ready = 0;     ///< the last copy that it reads had ended
};

/// Safe from any thread. Spans of one stream come in their order, each once it has ended; a wait of the host or for peers before
/// the computation that follows it. Memory does not grow with the run.
///
/// An idle moment before a computation is charged, in this order: to `sync` while the host waits for the device, to
/// `communication` while the device waits for its peers, to `input` before `asked`, to `launch` until `enqueued`, to `input` until
/// `ready`, to `launch` for the rest. What is idle behind the last computation, while copies still run, is `input`.
class MILLRACE_EXPORT DeviceTimeline {
 public:
  void add_copy(TimeSpan ran);
  void add_compute(const ComputeSpan& span);
  void add_sync(TimeSpan waited);
  void add_communication(TimeSpan waited);
  DeviceTimes times() const;

 private:
  void start(double begin);
  void charge_idle(const ComputeSpan& span);
  double* cause_of(double moment, const ComputeSpan& span);
  double hidden_part(const TimeSpan& copy) const;
  void settle_copies();

  mutable std::mutex mutex_;
  bool started_ = false;
  double origin_ = 0, computed_until_ = 0, copied_until_ = 0;
  DeviceTimes sums_{.idle_communication = 0};
  std::deque<TimeSpan> computed_;                ///< disjoint and in order; those that a later copy may still overlap
  std::deque<TimeSpan> copies_;                  ///< those that a later computation may still hide
  std::deque<TimeSpan> syncs_, communications_;  ///< since the last computation
};

}  // namespace millrace
