// The word that names a run, for every verb that looks at one or at several.
#pragma once

#include "command/options/verb.hpp"
#include "runs_option.hpp"

#include <functional>
#include <string>

namespace millrace::pipelines {

/// `store` puts the word where it belongs, each in turn where there are several.
Target run_target(std::function<void(VerbOptions&, const std::string&)> store, bool takes_several = false);

}  // namespace millrace::pipelines
