// How texts are shown. A user's text is shown, never obeyed.
#pragma once

#include <string>
#include <string_view>

namespace millrace::pipelines {

/// `text` with each control character but tab and line end written out: "\x1b", "\x9b" for U+009B. What stands in a config, a
/// file's name or an argument may otherwise move the cursor, change colours, or hide the line before it.
std::string printable(std::string_view text);

}  // namespace millrace::pipelines
