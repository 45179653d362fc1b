// The CPU as a device: its memory is the host's, its stream works at once, its events are always done.
#pragma once

#include <millrace/device.hpp>

namespace millrace {

std::unique_ptr<Device> open_cpu_device();

}  // namespace millrace
