// What the bits of a computation depend on besides the kind of its device.
#pragma once

#include <millrace/device.hpp>

#include <string>

namespace millrace {

/// The GPU's name, its compute capability and the version of the CUDA runtime; empty for a CPU, whose instructions build_info()
/// tells, and for every kind that this library does not know. Makes no context on a GPU, so it costs next to nothing.
MILLRACE_EXPORT std::string device_bits(const DeviceId& id);

}  // namespace millrace
