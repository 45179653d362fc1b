// How texts and counts are shown. A user's text is shown, never obeyed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// `text` with each control character but tab and line end written out: "\x1b", "\x9b" for U+009B. What stands in a config, a
/// file's name or an argument may otherwise move the cursor, change colours, or hide the line before it.
std::string printable(std::string_view text);
/// "1 node", "3 nodes"; `plural` for what does not take an `s`.
std::string counted(std::size_t count, std::string_view noun, std::string_view plural = {});

}  // namespace millrace::pipelines
