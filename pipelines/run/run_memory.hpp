// The memory that a run's tensors take: on its device, and on the host beside one that has memory of its own.
#pragma once

#include "report/run_report.hpp"

#include <millrace/device.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace millrace::pipelines {

class RunMemory {
 public:
  /// `device` outlives this.
  explicit RunMemory(Device& device);
  /// Where the host writes.
  Allocator& host() const;
  /// Fills in how much was taken at most.
  void measure_peaks(RunReport& report) const;
  /// What is still taken, in bytes.
  std::size_t live_bytes() const;

 private:
  std::vector<const Allocator*> allocators() const;

  Device& device_;
  std::unique_ptr<Allocator> apart_;  ///< null when the device's memory is the host's
};

}  // namespace millrace::pipelines
