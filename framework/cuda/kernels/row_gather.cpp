// Packs gathers into launches of at most kMostJobs, and picks for each the widest unit of copying that divides its rows and addresses.
#include "cuda/kernels/row_gather.hpp"

#include <algorithm>

namespace millrace::cuda {
namespace {

bool divides(std::uintptr_t unit, const RowGather& gather) {
  return gather.row_bytes % unit == 0 && reinterpret_cast<std::uintptr_t>(gather.to) % unit == 0 &&
         reinterpret_cast<std::uintptr_t>(gather.table) % unit == 0;
}

GatherRows::Job job_of(const RowGather& gather) {
  const std::uint32_t unit = divides(16, gather) ? 16 : divides(4, gather) ? 4 : 1;
  const auto row_units = static_cast<std::int64_t>(gather.row_bytes / unit);
  return {gather.to, gather.table, gather.rows, gather.count * row_units, row_units, unit};
}

}  // namespace

std::int64_t GatherRows::most_units() const {
  std::int64_t most = 0;
  for (std::int64_t i = 0; i < count; ++i) most = std::max(most, jobs[i].units);
  return most;
}

std::vector<GatherRows> gather_launches(std::span<const RowGather> gathers) {
  std::vector<GatherRows> launches;
  for (const RowGather& gather : gathers) {
    if (gather.count == 0 || gather.row_bytes == 0) continue;
    if (launches.empty() || launches.back().count == GatherRows::kMostJobs) launches.emplace_back();
    GatherRows& launch = launches.back();
    launch.jobs[launch.count++] = job_of(gather);
  }
  return launches;
}

}  // namespace millrace::cuda
