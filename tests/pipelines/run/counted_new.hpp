// Counts every allocation of the program, and lets one fail.
#pragma once

#include <atomic>
#include <cstdint>

namespace millrace::testing {

inline std::atomic<std::int64_t> allocations{0};
/// The allocation that throws, counted from 1; 0: none.
inline std::atomic<std::int64_t> fails_at{0};

}  // namespace millrace::testing
