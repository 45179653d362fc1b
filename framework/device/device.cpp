// Finds devices by name. The only place that knows which kinds this build has.
#include "device/cpu_device.hpp"
#include "device/cuda_choice.hpp"
#include "device/device_kinds.hpp"

#include <millrace/detail/device_bits.hpp>
#include <millrace/device.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <sys/prctl.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <thread>

namespace millrace {
namespace {

std::map<std::string, DeviceOpener, std::less<>>& further_kinds() {
  static std::map<std::string, DeviceOpener, std::less<>> kinds;
  return kinds;
}

// "sim" or "sim:3" of a kind that somebody has registered.
std::optional<DeviceId> further_device(std::string_view wish) {
  const std::string_view kind = wish.substr(0, wish.find(':'));
  if (!further_kinds().contains(kind)) return std::nullopt;
  const std::string index(wish.substr(std::min(wish.size(), kind.size() + 1)));
  return DeviceId{std::string(kind), index.empty() ? 0 : std::stoi(index)};
}

}  // namespace

void register_device_kind(const std::string& kind, DeviceOpener open) { further_kinds()[kind] = std::move(open); }

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

std::unique_ptr<Device> open_device(const DeviceId& id) {
  if (id.kind == "cpu") return open_cpu_device();
  if (id.kind == "cuda") return open_cuda_device(choose_among(look_for_cuda(false), to_string(id)).id.index);
  if (further_kinds().contains(id.kind)) return further_kinds().at(id.kind)(id);
  throw Error(ErrorKind::device, "device-unavailable", fmt::format("there are no devices of kind `{}`", id.kind),
              "use `device: cpu`, or `device: auto` to take what is there");
}

DeviceChoice choose_device(std::string_view wish) { return choose_device(wish, 0, 1); }

DeviceChoice choose_device(std::string_view wish, int local_rank, int local_size) {
  if (wish == "cpu") return {{"cpu", 0}, "the config asks for it"};
  if (const auto further = further_device(wish)) return {*further, "the config asks for it"};
  return choose_among(look_for_cuda(false), wish, {local_rank, local_size});
}

std::string device_bits(const DeviceId& id) {
  return id.kind == "cuda" ? bits_of_gpu(look_for_cuda(false), id.index) : std::string();
}

std::vector<DeviceReport> list_devices() {
  std::vector<DeviceReport> reports = report_cuda(look_for_cuda(true));
  reports.insert(reports.begin(), report_cpu());
  return reports;
}

}  // namespace millrace
