// Which checkpoint of a run is used.
#pragma once

#include "config/spec/graph_spec.hpp"

#include <string>

namespace millrace::pipelines {

inline constexpr const char* kLastCheckpoint = "last";
inline constexpr const char* kBestCheckpoint = "best";

/// The path of the checkpoint of the run in `folder` that `word` names: `last`, the newest; `best`, the one of the epoch with the best value of
/// `keep.monitor`, or of the metric by which runs are compared, among those that are there; else a file. Throws Error("no-checkpoint", data).
std::string choose_checkpoint(const std::string& folder, const std::string& word, const KeepSpec& keep);

}  // namespace millrace::pipelines
