// Texts of others on a page: shown, never obeyed.
#pragma once

#include <string>
#include <string_view>

namespace millrace::pipelines {

/// `text` for the content of an element or an attribute in quotes, on one line: markup is escaped, and what printable_line() writes out is written out.
std::string html_text(std::string_view text);
/// The same, keeping line ends and tabs.
std::string html_lines(std::string_view text);

}  // namespace millrace::pipelines
