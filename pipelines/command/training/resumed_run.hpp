// What `resume` goes on from: the run's folder is looked at, compared with what is here now, and its next attempt is begun, or a run of its own.
#pragma once

#include "command/loading/checked_config.hpp"
#include "record/environment/run_info.hpp"
#include "training.hpp"

#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Whether the run has a summary, which no run has before it is finished; and its text.
bool is_finished(const std::string& folder);
std::string summary_of(const std::string& folder);

/// Goes into the folder in which the run was started, where it is there, so that paths of data mean the same.
void enter_folder_of(const std::string& folder);

/// Nodes of `checked`, what of the run's own config trains, draw what they drew in it. Throws Error("resume-differs", config) with everything that is not as it
/// was: config, data, plugins, class of bits; with `help`, which names options of the verb alone.
void require_as_trained(CheckedConfig& checked, const RunInfo& info, const std::string& folder, const char* help);

/// What of config and data is not as it was when the run was trained whose own config `checked` is, without its test: a sentence each. Its nodes draw
/// what they drew.
std::vector<std::string> changed_since(CheckedConfig& checked, const std::string& folder);

/// Where the run of `folder` goes on, in each of its processes; rank 0 begins an attempt of its own. `checked` is the run's own config, whose graph begins
/// later then. Tells on standard error, unless `quiet`, from where. Throws Error: resume-differs, of kind config, with everything that is not as it was;
/// resume-volatile, of kind config; and what RunFolder::open throws.
TrainingStart resume_run(CheckedConfig& checked, const RunInfo& info, const std::string& folder, bool quiet);

/// A run of its own that goes on from another one.
struct ChildRun {
  std::string parent;  ///< its folder
  std::string runs;    ///< where the child is kept
  bool has_other_bits = false;
};

/// A new run that goes on from the newest checkpoint of its parent with the config `checked`. It needs nothing of its parent's folder afterward. Class of
/// bits, plugins and data have to be the parent's unless `has_other_bits`. Throws as resume_run does; run-in-use, of kind output, while a process
/// holds the parent; resume-unfit and no-epochs-left, of kind config; and what RunFolder::make and read_checkpoint throw.
TrainingStart resume_as_child(CheckedConfig& checked, const RunInfo& info, const ChildRun& child, bool quiet);

}  // namespace millrace::pipelines
