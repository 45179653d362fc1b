// What the summary of a run says about where the device's time went.
#pragma once

#include <millrace/device.hpp>

#include <string>

namespace millrace::pipelines {

/// Two lines, for a device that copied or computed anything; else empty:
///   device busy 75% of 4.0s, idle 25% (input 20%, launch 4%, sync 1%, communication 0%)
///   copies 0.5s, 96% hidden behind computation
std::string device_time_text(const DeviceTimes& times);

}  // namespace millrace::pipelines
