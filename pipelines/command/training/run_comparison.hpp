// What of a run that was kept is not as it was, and would give it other bits.
#pragma once

#include "record/environment/run_info.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace millrace::pipelines {

/// environment.json of the attempt that counts. Throws Error("run-unreadable", data) where that is no object.
nlohmann::ordered_json environment_of(const std::string& folder);

/// The class of bits, plugins and data that are not what `environment` says: a sentence each.
std::vector<std::string> changed_surroundings(const nlohmann::ordered_json& environment, const RunInfo& info);
/// Of the data alone, by sources that `data` has or the environment names.
std::vector<std::string> changed_data(const nlohmann::ordered_json& environment, const std::vector<DataInfo>& data);
/// The same for the config, whose paths of data and plugins do not count.
std::vector<std::string> changed_config(const nlohmann::ordered_json& environment, const std::string& config_hash);

/// The value of a text; empty where there is none.
std::string text_of(const nlohmann::ordered_json& object, const char* key);

}  // namespace millrace::pipelines
