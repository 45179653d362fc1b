// What the kernel says about this process.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Memory that is resident now, in bytes; 0 where /proc cannot be read.
std::size_t resident_bytes();
/// The most memory that was ever resident, in bytes.
std::size_t peak_resident_bytes();
/// Seconds since the process was started by the kernel, before any of its code ran.
double seconds_since_launch();
/// The program and its arguments; empty where /proc cannot be read.
std::vector<std::string> command_line();

}  // namespace millrace::pipelines
