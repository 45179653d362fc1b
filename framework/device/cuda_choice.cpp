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

std::vector<int> usable_gpus(const CudaFacts& facts) {
  std::vector<int> usable;
  for (std::size_t i = 0; i < facts.gpus.size(); ++i)
    if (is_new_enough(facts.gpus[i])) usable.push_back(static_cast<int>(i));
  return usable;
}

/// What is wrong before any GPU is looked at.
std::string why_no_gpus(const CudaFacts& facts) {
  if (!facts.no_driver.empty()) return fmt::format("no NVIDIA driver is installed ({})", facts.no_driver);
  if (!facts.no_object.empty()) return fmt::format("the CUDA part cannot be used ({})", facts.no_object);
  if (!facts.no_runtime.empty()) return fmt::format("the CUDA runtime does not start ({})", facts.no_runtime);
  return facts.gpus.empty() ? "the driver shows no GPU" : "";
}

bool has_no_gpu(const CudaFacts& facts) {
  return !facts.no_driver.empty() || (facts.no_object.empty() && facts.no_runtime.empty() && facts.gpus.empty());
}

std::string why_not_gpu(const CudaFacts& facts, int index) {
  const auto place = static_cast<std::size_t>(index);
  if (place >= facts.gpus.size())
    return fmt::format("there is no cuda:{}, the last GPU is cuda:{}", index, facts.gpus.size() - 1);
  return is_new_enough(facts.gpus[place]) ? "" : too_old(facts.gpus[place], index);
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
std::string why_not_each(const CudaFacts& facts, int index, LocalRank local) {
  const int needed = std::max(local.size, local.rank + 1);
  if (needed == 1 || facts.gpus.size() == 1) return {};
  if (index >= 0)
    return fmt::format("{} processes of this machine cannot share cuda:{}, each needs a GPU of its own", needed, index);
  const std::size_t gpus = usable_gpus(facts).size();
  if (gpus >= static_cast<std::size_t>(needed)) return {};
  return fmt::format("{} processes of this machine need a GPU each, there are {}", needed, gpus);
}

std::string gpu_text(const CudaFacts& facts, const CudaDeviceInfo& gpu) {
  return fmt::format("compute capability {}.{}, {} multiprocessors, driver {}, runtime {}, peers: {}", gpu.major,
                     gpu.minor, gpu.processors, version_text(facts.driver_version), version_text(facts.runtime_version),
                     gpu.peers.empty() ? "none" : fmt::format("cuda:{}", fmt::join(gpu.peers, ", cuda:")));
}

DeviceReport report_gpu(const CudaFacts& facts, std::size_t index) {
  const CudaDeviceInfo& gpu = facts.gpus[index];
  DeviceReport report;
  report.kind = "cuda";
  report.index = static_cast<int>(index);
  report.available = is_new_enough(gpu);
  report.name = gpu.name;
  report.detail = report.available ? gpu_text(facts, gpu) : too_old(gpu, report.index);
  report.cores = gpu.processors;
  report.memory_bytes = gpu.memory_bytes;
  report.memory_free_bytes = gpu.free_bytes;
  report.memory_used_bytes = gpu.memory_bytes - gpu.free_bytes;
  report.capability = fmt::format("{}.{}", gpu.major, gpu.minor);
  report.driver = version_text(facts.driver_version);
  report.runtime = version_text(facts.runtime_version);
  report.peers = gpu.peers;
  return report;
}

}  // namespace

std::string why_no_cuda(const CudaFacts& facts, int index) {
  std::string reason = why_no_gpus(facts);
  if (reason.empty() && index >= 0) reason = why_not_gpu(facts, index);
  if (reason.empty() && index < 0 && usable_gpus(facts).empty()) reason = too_old(facts.gpus.front(), 0);
  return reason.empty() ? reason : "no CUDA device: " + reason;
}

DeviceChoice choose_among(const CudaFacts& facts, std::string_view wish, LocalRank local) {
  const int index = index_of(wish);
  std::string reason = why_no_cuda(facts, index);
  if (reason.empty()) reason = why_not_each(facts, index, local);
  if (reason.empty()) {
    const int chosen = index >= 0 ? index : gpu_of(usable_gpus(facts), local);
    const std::string& name = facts.gpus[static_cast<std::size_t>(chosen)].name;
    return {{"cuda", chosen}, wish == "auto" ? name + " is there" : name + ", the config asks for it"};
  }
  // Nobody who has no GPU wants to read why; `devices` says it.
  if (wish == "auto") return {{"cpu", 0}, has_no_gpu(facts) ? "no GPU found" : reason};
  throw Error(ErrorKind::device, "device-unavailable", fmt::format("device `{}` is not available: {}", wish, reason),
              "use `device: cpu`, or `device: auto` to take what is there");
}

std::string bits_of_gpu(const CudaFacts& facts, int index) {
  if (index < 0 || static_cast<std::size_t>(index) >= facts.gpus.size()) return {};
  const CudaDeviceInfo& gpu = facts.gpus[static_cast<std::size_t>(index)];
  return fmt::format("{}, compute capability {}.{}, runtime {}", gpu.name, gpu.major, gpu.minor,
                     version_text(facts.runtime_version));
}

std::vector<DeviceReport> report_cuda(const CudaFacts& facts) {
  std::vector<DeviceReport> reports;
  for (std::size_t i = 0; i < facts.gpus.size(); ++i) reports.push_back(report_gpu(facts, i));
  if (!reports.empty()) return reports;
  DeviceReport none;
  none.kind = "cuda";
  none.detail = why_no_cuda(facts);
  return {none};
}

}  // namespace millrace
