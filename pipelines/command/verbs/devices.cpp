// `pipeline-run devices`: what this machine has to compute on, and why it lacks the rest.
#include "command/cuda_part.hpp"
#include "command/download.hpp"
#include "command/options/verb.hpp"
#include "command/terminal/answer.hpp"
#include "diagnostics/quantity_text.hpp"

#include <millrace/detail/build_info.hpp>
#include <millrace/detail/counted.hpp>
#include <millrace/device.hpp>
#include <millrace/peers.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const DeviceReport& device) {
  if (!device.available) return fmt::format("  {:<6} not available: {}\n", device.kind, device.detail);
  const std::string id = to_string(DeviceId{device.kind, device.index});
  const std::string memory = bytes_text(static_cast<double>(device.memory_bytes));
  if (device.capability.empty())
    return fmt::format("  {:<6} {}, {}, {}\n         for this process: {} ({}), {} ({})\n", id, device.name,
                       device.detail, memory, counted(device.cores, "core"), device.cores_from,
                       bytes_text(static_cast<double>(device.memory_limit_bytes)), device.memory_limit_from);
  return fmt::format("  {:<6} {}, {}, {} ({} free, {} used)\n", id, device.name, device.detail, memory,
                     bytes_text(static_cast<double>(device.memory_free_bytes)),
                     bytes_text(static_cast<double>(device.memory_used_bytes)));
}

Json object_of(const DeviceReport& device) {
  Json object = {{"kind", device.kind}, {"available", device.available}, {"detail", device.detail}};
  if (device.available)
    object.update({{"name", device.name},
                   {"cores", device.cores},
                   {"memory_bytes", device.memory_bytes},
                   {"extensions", device.extensions}});
  if (device.kind == "cpu")
    object.update({{"cores_from", device.cores_from},
                   {"memory_limit_bytes", device.memory_limit_bytes},
                   {"memory_limit_from", device.memory_limit_from}});
  if (!device.capability.empty())
    object.update({{"index", device.index},
                   {"memory_free_bytes", device.memory_free_bytes},
                   {"memory_used_bytes", device.memory_used_bytes},
                   {"capability", device.capability},
                   {"driver", device.driver},
                   {"runtime", device.runtime},
                   {"peers", device.peers}});
  return object;
}

CudaPart cuda_part_of(const std::vector<DeviceReport>& devices) {
  std::string reason;
  for (const DeviceReport& device : devices)
    if (device.kind == "cuda" && !device.available) reason = device.detail;
  for (const DeviceReport& device : devices)
    if (device.kind == "cuda" && device.available) reason.clear();
  return cuda_part(cuda_finding(reason));
}

std::string peers_text() {
  const PeersSupport support = peers_support();
  if (support.available) return "yes, " + support.detail;
  return fmt::format("no, {} (Debian: libopenmpi-dev, openmpi-bin)", support.detail);
}

std::string nccl_text() {
  const PeersSupport support = nccl_support();
  if (support.available) return "yes, " + support.detail;
  return fmt::format(
      "no, {} (wants nccl.h when built, and libnccl.so.2 of 2.19 or newer where the system or LD_LIBRARY_PATH finds "
      "it)",
      support.detail);
}

std::string text() {
  std::string page = "Devices\n";
  const std::vector<DeviceReport> devices = list_devices();
  for (const DeviceReport& device : devices) page += line_of(device);
  const DeviceChoice choice = choose_device("auto");
  const BuildInfo build = build_info();
  page += fmt::format("  auto   takes {} ({})\n\nBuild\n  {}\n  oneDNN {}, instructions {}\n", to_string(choice.id),
                      choice.reason, build.describe(), build.onednn, build.isa);
  return page + fmt::format(
                    "  CUDA part: {}\n  several processes (MPI): {}\n  sums of several GPUs (NCCL): {}\n  downloads "
                    "(libcurl): {}\n",
                    cuda_part_of(devices).detail, peers_text(), nccl_text(),
                    can_download() ? "yes" : "no, built without it (Debian: libcurl4-openssl-dev)");
}

std::string json() {
  const DeviceChoice choice = choose_device("auto");
  const BuildInfo build = build_info();
  const PeersSupport mpi = peers_support(), nccl = nccl_support();
  const std::vector<DeviceReport> devices = list_devices();
  const CudaPart part = cuda_part_of(devices);
  Json object = {{"schema", 1},
                 {"devices", Json::array()},
                 {"auto", to_string(choice.id)},
                 {"reason", choice.reason},
                 {"build", build.describe()},
                 {"onednn", build.onednn},
                 {"isa", build.isa},
                 {"cuda_object", cuda_backend_path()},
                 {"cuda_part", {{"state", part.state}, {"detail", part.detail}}},
                 {"curl", can_download()},
                 {"mpi", {{"available", mpi.available}, {"detail", mpi.detail}}},
                 {"nccl", {{"available", nccl.available}, {"detail", nccl.detail}}}};
  for (const DeviceReport& device : devices) object["devices"].push_back(object_of(device));
  return json_line(object);
}

int act_devices(const VerbOptions& options) {
  options.json ? write_result(json()) : answer(text());
  return 0;
}

const RegisteredVerb kDevices({.name = "devices",
                               .group = VerbGroup::catalog,
                               .summary = "the devices there are, or why not",
                               .options = {json_option()},
                               .examples = {"pipeline-run devices"}},
                              act_devices);

}  // namespace

}  // namespace millrace::pipelines
