// A problem as JSON tells it, in every answer alike.
#pragma once

#include <millrace/error.hpp>

#include <nlohmann/json_fwd.hpp>

#include <initializer_list>
#include <string_view>

namespace millrace::pipelines {

/// Adds members of a problem, out of name, message, help and notes, to an object in the order in which they are named here. Every
/// text is shortened, for a plugin may have written it.
void add_members(nlohmann::ordered_json& object, const Problem& problem,
                 std::initializer_list<std::string_view> members);

}  // namespace millrace::pipelines
