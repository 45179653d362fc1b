// capsule.json: a capsule but for the values of its tensors.
#pragma once

#include "capsule.hpp"

#include <string>

namespace millrace::pipelines {

std::string capsule_text(const Capsule& capsule);

/// Reads FOLDER/capsule.json, which may come from anybody; no file is named in it that lies elsewhere than in FOLDER/inputs. Throws Error("capsule-unreadable", data).
Capsule read_capsule(const std::string& folder);

}  // namespace millrace::pipelines
