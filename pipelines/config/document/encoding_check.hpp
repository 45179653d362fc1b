// Is a text the UTF-8 that a config has to be?
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::pipelines {

struct EncodingFault {
  std::size_t byte = 0;  ///< where, from the start of the text
  std::string message;
};

/// The first place that is not valid UTF-8, or is a control character that no config needs.
std::optional<EncodingFault> find_encoding_fault(std::string_view text);

}  // namespace millrace::pipelines
