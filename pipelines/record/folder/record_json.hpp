// JSON of a run's folder, which may come from anybody.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace millrace::pipelines {

/// What `text` says; discarded where that is no JSON, or is nested more deeply than anything that a run writes.
nlohmann::ordered_json record_json(const std::string& text);
/// The same of an object without one of its members, of which no tree is made.
nlohmann::ordered_json record_json_without(const std::string& text, const std::string& key);

}  // namespace millrace::pipelines
