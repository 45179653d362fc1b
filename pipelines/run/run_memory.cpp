// Sums over up to three allocators: of the device, of its staging memory, and of the host's memory beside a GPU.
#include "run_memory.hpp"

namespace millrace::pipelines {

RunMemory::RunMemory(Device& device) : device_(device), apart_(device.is_host() ? nullptr : make_host_allocator()) {}

Allocator& RunMemory::host() const { return apart_ ? *apart_ : device_.memory(); }

std::vector<const Allocator*> RunMemory::allocators() const {
  std::vector<const Allocator*> all = {&device_.memory()};
  if (&device_.staging() != all.front()) all.push_back(&device_.staging());
  if (apart_) all.push_back(apart_.get());
  return all;
}

void RunMemory::measure_peaks(RunReport& report) const {
  report.device_peak_bytes = device_.memory().peak_bytes();
  for (const Allocator* allocator : allocators()) report.peak_bytes += allocator->peak_bytes();
}

std::size_t RunMemory::live_bytes() const {
  std::size_t bytes = 0;
  for (const Allocator* allocator : allocators()) bytes += allocator->live_bytes();
  return bytes;
}

}  // namespace millrace::pipelines
