// Rows of tables, brought together on a GPU: the work of one launch, and how requests become launches. Host code can call the
// same function, and the tests do.
#pragma once

#include "cuda/kernels/matrix.hpp"

#include <millrace/device.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::cuda {

/// Several gathers at once. It travels as a kernel's argument, which may be 4 KiB.
struct GatherRows {
  static constexpr std::int64_t kMostJobs = 64;

  /// Rows move in units of 16, 4 or 1 bytes, the largest that divide them and their addresses.
  struct Job {
    std::byte* to;
    const std::byte* table;
    const std::uint32_t* rows;
    std::int64_t units, row_units;  ///< units of all rows, and of one row
    std::uint32_t unit_bytes;
  };
  Job jobs[kMostJobs];
  std::int64_t count = 0;

  template <class Unit>
  MILLRACE_HOST_DEVICE static void move(const Job& job, std::int64_t i) {
    const Place p = place_of(i, job.row_units);
    const std::int64_t from = static_cast<std::int64_t>(job.rows[p.row]) * job.row_units + p.column;
    reinterpret_cast<Unit*>(job.to)[i] = reinterpret_cast<const Unit*>(job.table)[from];
  }
  /// Unit `i` of job `job`.
  MILLRACE_HOST_DEVICE void operator()(std::int64_t job, std::int64_t i) const {
    struct alignas(16) Sixteen {
      std::uint64_t low, high;
    };
    const Job& work = jobs[job];
    if (work.unit_bytes == 16) return move<Sixteen>(work, i);
    if (work.unit_bytes == 4) return move<std::uint32_t>(work, i);
    move<std::uint8_t>(work, i);
  }
  /// Of its largest job.
  std::int64_t most_units() const;
};

/// In as few launches as hold them; what has no bytes is left out.
std::vector<GatherRows> gather_launches(std::span<const RowGather> gathers);

}  // namespace millrace::cuda
