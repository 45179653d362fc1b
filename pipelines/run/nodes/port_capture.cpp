// A capture that wants no more is told nothing more, though packets that were under way may still come.
#include "port_capture.hpp"

#include <exception>

namespace millrace::pipelines {

// Rows are counted over the whole epoch, so that the number depends neither on where the run began nor on who came first.
std::uint64_t PortCapture::number_of(const Packet& packet) const {
  return most_rows_ > 0 ? packet.header.first_row / static_cast<std::uint64_t>(most_rows_) + 1 : 1;
}

void PortCapture::take(const Packet& packet) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (!wants_ || stop_.stopping(packet.header.epoch)) return;
    wants_ = false;  // also where it throws
    wants_ = capture_.take({packet.header.epoch, number_of(packet), packet});
    if (!wants_ && --wanting_ == 0) stop_.enough();
  } catch (...) {
    stop_.fail(std::current_exception());
  }
}

}  // namespace millrace::pipelines
