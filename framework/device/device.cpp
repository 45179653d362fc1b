// Finds devices by name. The only place that knows which kinds this build has.
#include "device/cpu_device.hpp"

#include <millrace/device.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

namespace millrace {
namespace {

constexpr const char* kNoCuda = "no CUDA device: this build has no CUDA part";

}  // namespace

Event::State::~State() = default;
Stream::~Stream() = default;
Device::~Device() = default;

bool Event::done() const { return !state_ || state_->done(); }
void Event::synchronize() const {
  if (state_) state_->synchronize();
}

std::string to_string(const DeviceId& id) {
  return id.kind == "cpu" ? id.kind : fmt::format("{}:{}", id.kind, id.index);
}

std::unique_ptr<Device> open_device(const DeviceId& id) {
  if (id.kind == "cpu") return open_cpu_device();
  throw Error(ErrorKind::device, "device-unavailable",
              fmt::format("cannot open device `{}`: {}", to_string(id), kNoCuda),
              "use `device: cpu`, or `device: auto` to take what is there");
}

DeviceChoice choose_device(std::string_view wish) {
  if (wish == "cpu") return {{"cpu", 0}, "the config asks for it"};
  if (wish == "auto") return {{"cpu", 0}, kNoCuda};
  throw Error(ErrorKind::device, "device-unavailable", fmt::format("device `{}` is not available: {}", wish, kNoCuda),
              "use `device: cpu`, or `device: auto` to take what is there");
}

std::vector<DeviceReport> list_devices() {
  DeviceReport cuda;
  cuda.kind = "cuda";
  cuda.detail = kNoCuda;
  return {report_cpu(), cuda};
}

}  // namespace millrace
