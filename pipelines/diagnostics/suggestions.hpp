// "Did you mean": close spellings, and what the same thing is called elsewhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

/// The known name that is closest to `name`; empty when none is close.
std::string meant_by(std::string_view name, const std::vector<std::string>& known);
/// "did you mean `a` or `b`?" for whoever has found what is meant; empty without names.
std::string suggestion(const std::vector<std::string>& meant);
/// A suggestion, which may be empty, then what there is: "did you mean `classes`?  (one_hot takes: classes, dtype)".
std::string with_list(const std::string& suggested, std::string_view list_title, const std::vector<std::string>& known);
/// "did you mean `classes`?", or empty when nothing in `known` is close.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);
/// The same, then what there is.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known, std::string_view list_title);
/// What there is instead of a thing that other tools have: "there are no schedules: ..."; empty when nothing is known of it. The
/// functions above begin with it.
std::string said_of(std::string_view name);
/// "a, b, c"; "nothing" when empty; at most 20 names.
std::string name_list(const std::vector<std::string>& names);

}  // namespace millrace::pipelines
