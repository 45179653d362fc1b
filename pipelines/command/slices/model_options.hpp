// Which model of a run is meant, wherever one is used: `--checkpoint` and `--model`.
#pragma once

#include "command/options/option.hpp"
#include "export/kept_model.hpp"

#include <functional>
#include <string>

namespace millrace::pipelines {

/// `last`, `best` or a file, as ModelChoice has it.
Option checkpoint_option(std::function<void(VerbOptions&, const std::string&)> store);
Option model_option(std::function<void(VerbOptions&, const std::string&)> store);

/// The file that the option names, from where the command was given; the two words stay.
std::string placed_checkpoint(const std::string& word);

/// On standard error: the checkpoints that should have been taken.
void tell_refused(const KeptModel& kept);

}  // namespace millrace::pipelines
