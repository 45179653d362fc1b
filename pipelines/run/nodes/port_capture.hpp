// A capture of one output while a run lasts.
#pragma once

#include "run/report/capture.hpp"
#include "run/report/stop_state.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

namespace millrace::pipelines {

class PortCapture {
 public:
  /// `wanting`: how many captures of the run want more; who brings it to 0 ends the run. Both outlive this.
  PortCapture(Capture capture, std::int64_t most_rows, std::atomic<std::size_t>& wanting, StopState& stop)
      : capture_(std::move(capture)), most_rows_(most_rows), wanting_(wanting), stop_(stop) {}

  /// Any thread. Throws nothing: what goes wrong fails the run.
  void take(const Packet& packet) noexcept;

 private:
  std::uint64_t number_of(const Packet& packet) const;

  Capture capture_;
  std::int64_t most_rows_;  ///< that a packet has here; 0: not known
  std::atomic<std::size_t>& wanting_;
  StopState& stop_;
  std::mutex mutex_;
  bool wants_ = true;
};

}  // namespace millrace::pipelines
