// How texts are shown. A user's text is shown, never obeyed.
#pragma once

#include <string>
#include <string_view>

namespace millrace::pipelines {

/// `text` with each character written out that a terminal may obey instead of showing it: controls but tab and line end ("\x1b",
/// "\x9b" for U+009B), those that change the direction of what follows or end a line ("\u202e"), and bytes that are not UTF-8
/// ("\xff"). What stands in a config, a file's name or an argument could otherwise move the cursor, change colours, or show
/// another text than is read.
std::string printable(std::string_view text);
/// The same, on one line.
std::string printable_line(std::string_view text);
/// A JSON text in which such characters are written as JSON does ("\u202e"): the same values.
std::string printable_json(std::string_view json);

}  // namespace millrace::pipelines
