// Values back to documents: the defaults of a descriptor, as the user could have written them.
#pragma once

#include "config/document/document.hpp"

#include <millrace/param.hpp>

#include <vector>

namespace millrace::pipelines {

/// A value as a document, all of it at `where`: how defaults are shown, and where an override starts from.
DocNode document_of(const ParamValue& value, const Location& where);

/// Adds the default of every parameter that `map` does not have, at every level.
void add_defaults(DocNode& map, const std::vector<Param>& params, const Location& where);

}  // namespace millrace::pipelines
