// What is wrong with a text that the YAML parser gives up on: it names where it stopped, often far below the slip.
#pragma once

#include "tree_builder.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::pipelines {

struct SyntaxFault {
  TextMark at;
  std::string message, help;
};

/// What the parser stopped at, in its own terms.
enum class ParserStop : std::uint8_t { key_value, end_of_block, end_of_brackets, other };

/// The slip that the stop at `at` is likely to come from: a quote or a bracket that is not closed, a line without a colon, a second
/// colon in a line, a line in a column of its own, a tab. Empty when it looks like none of them.
std::optional<SyntaxFault> likely_fault(std::string_view text, ParserStop stop, TextMark at);

}  // namespace millrace::pipelines
