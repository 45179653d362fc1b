// `--runs DIR`, for every verb that makes runs or looks at them.
#pragma once

#include "command/options/option.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// A base of the options of such a verb, beside VerbOptions.
struct RunsFolder {
  std::string runs;  ///< as given
  /// What was given, or MILLRACE_RUNS, or `runs` in the current folder.
  std::string runs_folder() const;
};

Option runs_option();

/// Names of the runs there, and `last`, for completion.
std::vector<std::string> run_names(const TypedWords& typed);

}  // namespace millrace::pipelines
