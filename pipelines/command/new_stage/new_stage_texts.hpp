// The files that `new-stage` writes, by name, with @placeholders@; CMake makes the source from the folder new_stage.
#pragma once

#include <map>
#include <string>

namespace millrace::pipelines {

const std::map<std::string, std::string>& new_stage_texts();

}  // namespace millrace::pipelines
