// What the kernel says about this process.
#pragma once

#include <cstddef>

namespace millrace::pipelines {

/// The most memory that was ever resident, in bytes.
std::size_t peak_resident_bytes();
/// Seconds since the process was started by the kernel, before any of its code ran.
double seconds_since_launch();

}  // namespace millrace::pipelines
