// Plugins and data of a run as JSON, in its result and in its environment alike.
#pragma once

#include "run_info.hpp"

#include <nlohmann/json_fwd.hpp>

namespace millrace::pipelines {

/// {"name", "version", "file", "sha256", "stages"}.
nlohmann::ordered_json json_of(const UsedPlugin& plugin);
/// {"rows", "files", "sha256", "whole"}, as far as known.
nlohmann::ordered_json json_of(const DataInfo& source);

}  // namespace millrace::pipelines
