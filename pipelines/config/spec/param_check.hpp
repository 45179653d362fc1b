// A value of the user's text against the type of a parameter: checked, defaults filled in, every error at its place.
#pragma once

#include "config/document/document.hpp"

#include <millrace/param.hpp>

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Who has the parameters: "stage `one_hot`" in headlines, "one_hot" in help.
struct ParamOwner {
  std::string title, name;
};

/// Checks a map of parameters (null counts as empty). Missing ones are reported at `where_missing`. The result has every
/// parameter of `params`, in that order; what was wrong is null, and there is a diagnostic.
ParamValue check_params(const DocNode& map, const std::vector<Param>& params, const ParamOwner& owner,
                        const Location& where_missing, Diagnostics& diagnostics);

/// Checks one value. `what` names it in headlines: "`classes` of stage `one_hot`".
ParamValue check_value(const DocNode& value, const ParamType& type, const std::string& what, Diagnostics& diagnostics);

/// A node of the text in words: "a list", "`3`", "the text \"3\"".
std::string kind_of(const DocNode& node);

/// A value as a document, all of it at `where`: how defaults are shown, and where an override starts from.
DocNode document_of(const ParamValue& value, const Location& where);

/// What did-you-mean chooses from.
std::vector<std::string> names_of(const std::vector<Param>& params);

/// Adds the default of every parameter that `map` does not have, at every level.
void add_defaults(DocNode& map, const std::vector<Param>& params, const Location& where);

}  // namespace millrace::pipelines
