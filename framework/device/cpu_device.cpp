// Copies are memcpy and events are empty; the report comes from /proc/cpuinfo, the processor's features, and the limits of this process.
#include "device/cpu_device.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/process_limits.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <fstream>

namespace millrace {
namespace {

class CpuStream final : public Stream {
 public:
  void copy(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  Event record() override { return {}; }
  void wait(const Event& event) override { event.synchronize(); }
  void gather(std::span<const RowGather> gathers) override {
    for (const RowGather& gather : gathers) gather_on_host(gather);
  }
};

class CpuDevice final : public Device {
 public:
  const DeviceId& id() const override { return id_; }
  std::string describe() const override {
    const DeviceReport report = report_cpu();
    return fmt::format("{}, {}", report.name, report.detail);
  }
  bool is_host() const override { return true; }
  Allocator& memory() override { return *memory_; }
  Allocator& staging() override { return *memory_; }
  std::unique_ptr<Stream> make_stream() override { return std::make_unique<CpuStream>(); }

 private:
  DeviceId id_{"cpu", 0};
  std::unique_ptr<Allocator> memory_ = make_host_allocator();
};

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) {
      const std::size_t colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  return "unknown processor";
}

std::vector<std::string> vector_extensions() {
  std::vector<std::string> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) found.emplace_back("AVX2");
  if (__builtin_cpu_supports("fma")) found.emplace_back("FMA");
  if (__builtin_cpu_supports("avx512f")) found.emplace_back("AVX-512");
  if (__builtin_cpu_supports("avx512vnni")) found.emplace_back("AVX-512 VNNI");
#endif
  return found;
}

}  // namespace

std::unique_ptr<Device> open_cpu_device() { return std::make_unique<CpuDevice>(); }

DeviceReport report_cpu() {
  DeviceReport report;
  report.kind = "cpu";
  report.available = true;
  report.name = processor_name();
  const ProcessLimit cores = usable_cores(), memory = usable_memory();
  report.cores = static_cast<int>(std::min<std::uint64_t>(cores.value, INT_MAX));
  report.cores_from = cores.from;
  report.memory_limit_bytes = memory.value;
  report.memory_limit_from = memory.from;
  report.memory_bytes =
      static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  report.extensions = vector_extensions();
  report.detail = fmt::format("{}{}{}", counted(report.cores, "core"), report.extensions.empty() ? "" : ", ",
                              fmt::join(report.extensions, ", "));
  return report;
}

}  // namespace millrace
