// The grammar of a config as a JSON Schema (draft 07), derived from the descriptors, for editors.
#pragma once

#include <millrace/registry.hpp>

#include <string>

namespace millrace::pipelines {

/// Accepts every config that `check` accepts, as far as a schema can tell; a misspelled key, a wrong type, a value out of range
/// and a missing parameter are violations. Every property has a description. One line of JSON.
std::string config_json_schema(const StageRegistry& registry);

}  // namespace millrace::pipelines
