// How texts are shown. A user's text is shown, never obeyed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// `text` with each character written out that a terminal may obey instead of showing it: controls but tab and line end ("\x1b",
/// "\x9b" for U+009B), those that change the direction of what follows or end a line ("\u202e"), and bytes that are not UTF-8
/// ("\xff"). What stands in a config, a file's name or an argument could otherwise move the cursor, change colors, or show
/// another text than is read.
std::string printable(std::string_view text);
/// The same, on one line.
std::string printable_line(std::string_view text);
/// One message among others, for a person: at most kMostMessageBytes of it, and each further line starts with `indent` spaces,
/// so that none can pass for a message of its own.
std::string printable_message(std::string_view text, std::size_t indent);
inline constexpr std::size_t kMostMessageBytes = 16384;
/// `text` up to about `bytes` bytes, then how many are left out.
std::string shortened(std::string_view text, std::size_t bytes);
/// The text between quotation marks of an error: shortened, on one line.
std::string shown(std::string_view text);
/// A JSON text in which such characters are written as JSON does ("\u202e"): the same values.
std::string printable_json(std::string_view json);

}  // namespace millrace::pipelines
