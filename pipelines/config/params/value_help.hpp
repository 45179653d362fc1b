// What to write instead of a value that has the wrong form.
#pragma once

#include "config/document/document.hpp"

#include <millrace/param.hpp>

#include <string>
#include <string_view>

namespace millrace::pipelines {

/// Whether a text of YAML is a value of the type. References are, whatever they stand for.
bool fits(const std::string& text, const ParamType& type);

/// A value in one line, as it can be written again: "{units: 512, activation: relu}".
std::string flow_text(const DocNode& value);

/// "[dense: {units: 512}, ...]" for a whole number where the type is a list whose items are of several kinds; else empty.
std::string list_for_a_number(std::string_view text, const ParamType& type);

/// "dense: {units: 256}" for the kind `dense` and the value 256 of the only parameter that it must have; the value may be the whole
/// map, or missing. Empty when the type has no such kind, or it does not take the value.
std::string item_of_kind(std::string_view kind, std::string_view value, const ParamType& type);

/// An example of the first kind of a type that has several: "dense: {units: 512}"; else "VALUE".
std::string example_item(const ParamType& type);

/// Help for a map of kinds of items where their list is wanted.
inline constexpr const char* kPutDashes = "it is a list: put `- ` before each of its entries";
/// Help for a value that is no list: "write [mae]". `what` names it: "`metrics` of stage `trainer`".
std::string help_for_list(const DocNode& value, const ParamType& type, std::string_view what);

/// Help for what is none of the kinds of the type: a number ("write dense: {units: 512}"), or a map of several entries, because
/// one is not indented or the kind is called `type`. Empty when nothing of it is known.
std::string help_for_kind(const DocNode& value, const ParamType& type);

}  // namespace millrace::pipelines
