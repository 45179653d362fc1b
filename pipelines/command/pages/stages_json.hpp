// Descriptors for programs: `pipeline-run stages [NAME] --json`.
#pragma once

#include <millrace/registry.hpp>

#include <string>

namespace millrace::pipelines {

/// One stage: summary, kind, ports, parameters, example, origin; one line. A port has `name`, `kind`, `optional`, `doc` and, of
/// data, `dtype`, `shape`, `range` (a tensor) or `fields` (a record), where
///   dtype: "any", a list of names, or {"same_as": input}
///   shape: "any", {"ranks": [least, most]} (most null: open), {"row": [...]}, "one_value", or {"same_as": input}
///   range: "unknown", [lo, hi], {"below_param": name}, or {"same_as": input}
std::string stage_json(const StageInfo& info);

/// {"schema": 1, "stages": [...]}.
std::string stages_json(const StageRegistry& registry);

}  // namespace millrace::pipelines
