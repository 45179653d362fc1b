// Key functions of the interfaces of a device, what they do where a device has nothing of its own, and how an event is waited for.
#include <millrace/device.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <sys/prctl.h>

#include <algorithm>
#include <cstring>
#include <thread>

namespace millrace {

Event::State::~State() = default;
Stream::~Stream() = default;
Device::~Device() = default;

void Stream::gather(std::span<const RowGather>) {
  throw Error(ErrorKind::device, "cannot-gather", "this device cannot bring rows of a table together",
              "leave out `cache: device`");
}

void gather_on_host(const RowGather& gather) {
  const std::size_t bytes = gather.row_bytes;
  for (std::int64_t i = 0; i < gather.count; ++i)
    std::memcpy(gather.to + static_cast<std::size_t>(i) * bytes, gather.table + gather.rows[i] * bytes, bytes);
}

bool Event::done() const { return !state_ || state_->done(); }
void Event::synchronize() const {
  if (state_) state_->synchronize();
}
bool Event::wait_for(std::chrono::milliseconds limit) const { return !state_ || state_->wait_for(limit); }

// Pauses grow with the time that has been waited, so that a wait ends at most a sixteenth late. The kernel would add 50
// microseconds to each, for the sake of few wake-ups: measured on a GPU, 72 for a copy of four bytes.
bool Event::State::wait_for(std::chrono::milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::nanoseconds kShortest{2'000}, kLongest{500'000};
  thread_local const bool sleeps_exactly = prctl(PR_SET_TIMERSLACK, 1UL) == 0;
  static_cast<void>(sleeps_exactly);
  for (const Clock::time_point start = Clock::now(); !done();) {
    const std::chrono::nanoseconds waited = Clock::now() - start;
    if (waited >= limit) return false;
    std::this_thread::sleep_for(std::clamp(waited / 16, kShortest, kLongest));
  }
  return true;
}

std::string to_string(const DeviceId& id) {
  return id.kind == "cpu" ? id.kind : fmt::format("{}:{}", id.kind, id.index);
}

}  // namespace millrace
