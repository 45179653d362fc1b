// What a verb answers on standard output, made fit for a terminal: names, summaries and paths in it come from configs and plugins.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace millrace::pipelines {

/// A page for people: write_result(printable(text)).
void answer(std::string_view text);

/// `json` on one line; what is no UTF-8 in it is replaced, what a terminal would obey is written as "\u009b".
std::string json_line(const nlohmann::ordered_json& json);

}  // namespace millrace::pipelines
