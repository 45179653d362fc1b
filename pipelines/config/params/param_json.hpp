// A parameter's value as JSON.
#pragma once

#include <millrace/param.hpp>

#include <nlohmann/json_fwd.hpp>

namespace millrace::pipelines {

/// One that is absent is null. A whole number stays one.
nlohmann::ordered_json json_of(const ParamValue& value);

}  // namespace millrace::pipelines
