// Finds devices by name. The only place that knows which kinds this build has.
#include "device/cpu_device.hpp"
#include "device/cuda_choice.hpp"

#include <millrace/device.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

namespace millrace {
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
  if (id.kind == "cuda") return open_cuda_device(choose_among(look_for_cuda(false), to_string(id)).id.index);
  throw Error(ErrorKind::device, "device-unavailable", fmt::format("there are no devices of kind `{}`", id.kind),
              "use `device: cpu`, or `device: auto` to take what is there");
}

DeviceChoice choose_device(std::string_view wish) {
  if (wish == "cpu") return {{"cpu", 0}, "the config asks for it"};
  return choose_among(look_for_cuda(false), wish);
}

std::vector<DeviceReport> list_devices() {
  std::vector<DeviceReport> reports = report_cuda(look_for_cuda(true));
  reports.insert(reports.begin(), report_cpu());
  return reports;
}

}  // namespace millrace
