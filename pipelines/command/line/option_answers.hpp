// What there is here for the options of other programs.
#pragma once

#include <string>

namespace millrace::pipelines {

/// What `--set` would call an option: "data_dir" for "--data-dir", "epochs" for "-e".
std::string setting_name(const std::string& option);

/// "write --device cuda" for `--gpus`; empty when nothing is known of it.
std::string option_elsewhere(const std::string& option);

}  // namespace millrace::pipelines
