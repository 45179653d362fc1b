// Values of the user's text against the types of parameters: every fault at its place, with what to write instead.
#pragma once

#include "config/document/document.hpp"

#include <millrace/detail/param_check.hpp>
#include <millrace/param.hpp>

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Checks a map of parameters (null counts as empty). Missing ones are reported at `where_missing`. The result has every
/// parameter of `params`, in that order; what was wrong is null, and there is a diagnostic.
ParamValue check_params(const DocNode& map, const std::vector<Param>& params, const ParamOwner& owner,
                        const Location& where_missing, Diagnostics& diagnostics);

/// Checks one value. `what` names it in headlines: "`classes` of stage `one_hot`".
ParamValue check_value(const DocNode& value, const ParamType& type, const std::string& what, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
