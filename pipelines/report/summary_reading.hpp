// What summary.json and environment.json hold of a run. Another program may have written them: what is not as expected is left out.
#pragma once

#include "run_record.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace millrace::pipelines {

/// The text under a key; empty where there is none.
std::string text_in(const nlohmann::ordered_json& object, const char* key);

/// How the run ended, what it was told, its nodes and models.
void read_summary(const nlohmann::ordered_json& summary, RunRecord& record);
/// Every value by its path.
void read_environment(const nlohmann::ordered_json& environment, RunRecord& record);

}  // namespace millrace::pipelines
