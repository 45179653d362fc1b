// What ports carry, as JSON and back, and parameters back from it.
#pragma once

#include <millrace/param.hpp>
#include <millrace/stage_descriptor.hpp>

#include <nlohmann/json_fwd.hpp>

namespace millrace::pipelines {

nlohmann::ordered_json json_of(const PortSpec& port);

// What is no such value throws nlohmann::json::exception or std::exception.
ParamValue param_of(const nlohmann::ordered_json& json);
PortSpec port_of(const nlohmann::ordered_json& json);

}  // namespace millrace::pipelines
