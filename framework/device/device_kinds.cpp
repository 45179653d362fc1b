// Finds devices by name. The only place that knows which kinds this build has.
#include "device/device_kinds.hpp"
#include "device/cpu_device.hpp"
#include "device/cuda_choice.hpp"

#include <millrace/detail/device_bits.hpp>
#include <millrace/device.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>

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
