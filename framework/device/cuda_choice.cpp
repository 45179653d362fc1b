// The order of the reasons is the order in which a person would have to repair them.
#include "device/cuda_choice.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace millrace {
namespace {

std::string version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

bool is_new_enough(const CudaDeviceInfo& gpu) { return gpu.major * 10 + gpu.minor >= kOldestCapability; }

std::string too_old(const CudaDeviceInfo& gpu, int index) {
  return fmt::format("cuda:{} ({}) has compute capability {}.{}, {}.{} or newer is needed", index, gpu.name, gpu.major,
                     gpu.minor, kOldestCapability / 10, kOldestCapability % 10);
}

std::vector<int> usable_gpus(const CudaInfo& info) {
  std::vector<int> usable;
  for (std::size_t i = 0; i < info.gpus.size(); ++i)
    if (is_new_enough(info.gpus[i])) usable.push_back(static_cast<int>(i));
  return usable;
}

/// What is wrong before any GPU is looked at.
std::string why_no_gpus(const CudaInfo& info) {
  if (!info.no_driver.empty()) return fmt::format("no NVIDIA driver is installed ({})", info.no_driver);
  if (!info.no_object.empty()) return fmt::format("the CUDA part cannot be used ({})", info.no_object);
  if (!info.no_runtime.empty()) return fmt::format("the CUDA runtime does not start ({})", info.no_runtime);
  return info.gpus.empty() ? "the driver shows no GPU" : "";
}

bool has_no_gpu(const CudaInfo& info) {
  return !info.no_driver.empty() || (info.no_object.empty() && info.no_runtime.empty() && info.gpus.empty());
}

std::string why_not_gpu(const CudaInfo& info, int index) {
  const auto place = static_cast<std::size_t>(index);
  if (place >= info.gpus.size())
    return fmt::format("there is no cuda:{}, the last GPU is cuda:{}", index, info.gpus.size() - 1);
  return is_new_enough(info.gpus[place]) ? "" : too_old(info.gpus[place], index);
}

/// N of "cuda:N", -1 for "cuda". The config reader has checked the form.
int index_of(std::string_view wish) {
  int index = -1;
  if (wish.starts_with("cuda:")) std::from_chars(wish.data() + 5, wish.data() + wish.size(), index);
  return index;
}

/// One process, one GPU. A launcher that shows each process a GPU of its own shows one; whether it is the same for all is
/// seen when the processes meet.
int gpu_of(const std::vector<int>& usable, LocalRank local) {
  return usable.size() == 1 ? usable.front() : usable[static_cast<std::size_t>(local.rank)];
}

/// Why the processes of this machine cannot have a GPU each, or nothing. The answer is the same for all of them.
std::string why_not_each(const CudaInfo& info, int index, LocalRank local) {
  const int needed = std::max(local.size, local.rank + 1);
  if (needed == 1 || info.gpus.size() == 1) return {};
  if (index >= 0)
    return fmt::format("{} processes of this machine cannot share cuda:{}, each needs a GPU of its own", needed, index);
  const std::size_t gpus = usable_gpus(info).size();
  if (gpus >= static_cast<std::size_t>(needed)) return {};
  return fmt::format("{} processes of this machine need a GPU each, there are {}", needed, gpus);
}

std::string gpu_text(const CudaInfo& info, const CudaDeviceInfo& gpu) {
  return fmt::format("compute capability {}.{}, {} multiprocessors, driver {}, runtime {}, peers: {}", gpu.major,
                     gpu.minor, gpu.processors, version_text(info.driver_version), version_text(info.runtime_version),
                     gpu.peers.empty() ? "none" : fmt::format("cuda:{}", fmt::join(gpu.peers, ", cuda:")));
}

DeviceReport report_gpu(const CudaInfo& info, std::size_t index) {
  const CudaDeviceInfo& gpu = info.gpus[index];
  DeviceReport report;
  report.kind = "cuda";
  report.index = static_cast<int>(index);
  report.available = is_new_enough(gpu);
  report.name = gpu.name;
  report.detail = report.available ? gpu_text(info, gpu) : too_old(gpu, report.index);
  report.cores = gpu.processors;
  report.memory_bytes = gpu.memory_bytes;
  report.memory_free_bytes = gpu.free_bytes;
  report.memory_used_bytes = gpu.memory_bytes - gpu.free_bytes;
  report.capability = fmt::format("{}.{}", gpu.major, gpu.minor);
  report.driver = version_text(info.driver_version);
  report.runtime = version_text(info.runtime_version);
  report.peers = gpu.peers;
  return report;
}

}  // namespace

std::string why_no_cuda(const CudaInfo& info, int index) {
  std::string reason = why_no_gpus(info);
  if (reason.empty() && index >= 0) reason = why_not_gpu(info, index);
  if (reason.empty() && index < 0 && usable_gpus(info).empty()) reason = too_old(info.gpus.front(), 0);
  return reason.empty() ? reason : "no CUDA device: " + reason;
}

DeviceChoice choose_among(const CudaInfo& info, std::string_view wish, LocalRank local) {
  const int index = index_of(wish);
  std::string reason = why_no_cuda(info, index);
  if (reason.empty()) reason = why_not_each(info, index, local);
  if (reason.empty()) {
    const int chosen = index >= 0 ? index : gpu_of(usable_gpus(info), local);
    const std::string& name = info.gpus[static_cast<std::size_t>(chosen)].name;
    return {{"cuda", chosen}, wish == "auto" ? name + " is there" : name + ", the config asks for it"};
  }
  // Nobody who has no GPU wants to read why; `devices` says it.
  if (wish == "auto") return {{"cpu", 0}, has_no_gpu(info) ? "no GPU found" : reason};
  throw Error(ErrorKind::device, "device-unavailable", fmt::format("device `{}` is not available: {}", wish, reason),
              "use `device: cpu`, or `device: auto` to take what is there");
}

std::string bits_of_gpu(const CudaInfo& info, int index) {
  if (index < 0 || static_cast<std::size_t>(index) >= info.gpus.size()) return {};
  const CudaDeviceInfo& gpu = info.gpus[static_cast<std::size_t>(index)];
  return fmt::format("{}, compute capability {}.{}, runtime {}", gpu.name, gpu.major, gpu.minor,
                     version_text(info.runtime_version));
}

std::vector<DeviceReport> report_cuda(const CudaInfo& info) {
  std::vector<DeviceReport> reports;
  for (std::size_t i = 0; i < info.gpus.size(); ++i) reports.push_back(report_gpu(info, i));
  if (!reports.empty()) return reports;
  DeviceReport none;
  none.kind = "cuda";
  none.detail = why_no_cuda(info);
  return {none};
}

}  // namespace millrace
