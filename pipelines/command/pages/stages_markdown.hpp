// The reference of stages as a page of Markdown; docs/stages.md is this page of the built-in stages.
#pragma once

#include <millrace/registry.hpp>

#include <string>

namespace millrace::pipelines {

/// All stages, or only the one called `name` when that is not empty. Names no file of this machine.
std::string stages_markdown(const StageRegistry& registry, const std::string& name);

}  // namespace millrace::pipelines
