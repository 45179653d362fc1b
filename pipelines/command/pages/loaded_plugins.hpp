// Whose code has run: the plugins that brought stages.
#pragma once

#include <millrace/registry.hpp>

#include <nlohmann/json_fwd.hpp>

namespace millrace::pipelines {

/// All plugins but the built-in one that have brought stages, in order of their files: [{"name": ..., "version": ..., "file": ...}].
nlohmann::ordered_json loaded_plugins_json(const StageRegistry& registry);
/// Names them on standard error, one a line: their code has run.
void note_loaded_plugins(const StageRegistry& registry);

}  // namespace millrace::pipelines
