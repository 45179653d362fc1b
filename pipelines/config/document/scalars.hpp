// What a plain YAML scalar says: a boolean, a number or neither. Stricter than YAML: nothing is guessed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::pipelines {

enum class NumberFault : std::uint8_t { none, not_a_number, leading_zero, not_finite, too_large, zero_denominator };

/// A number as it was written. Integers keep their exact value.
struct NumberReading {
  NumberFault fault = NumberFault::none;
  double value = 0;
  std::optional<std::int64_t> integer;  ///< empty for 1.0, 1e3 and 1/255
};

/// 12, -3, 0.5, .5, 1e-3, 1/255.
NumberReading read_number(std::string_view text);
/// true, True, TRUE and their opposites; `yes` and `on` are texts.
std::optional<bool> read_boolean(std::string_view text);

}  // namespace millrace::pipelines
