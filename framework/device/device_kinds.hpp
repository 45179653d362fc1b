// Kinds of devices that are not part of this library: a test's simulated device. No list of devices shows them.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/device.hpp>

#include <functional>
#include <memory>
#include <string>

namespace millrace {

using DeviceOpener = std::function<std::unique_ptr<Device>(const DeviceId&)>;

/// From now on `device: kind` and `device: kind:N` mean it. Before any run; replaces an earlier one of the same kind.
MILLRACE_EXPORT void register_device_kind(const std::string& kind, DeviceOpener open);

}  // namespace millrace
