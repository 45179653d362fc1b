// What a stream can show: color, redrawn lines, Unicode.
#pragma once

#include "diagnostics/diagnostics.hpp"

#include <cstdint>
#include <string_view>

namespace millrace::pipelines {

enum class ColorChoice : std::uint8_t { automatic, always, never };

struct TerminalStyle {
  bool color = false;
  bool is_terminal = false;
  bool redraws = false;  ///< a terminal on which \r works
  bool unicode = false;
  int columns = 80;
};

/// Style of a file descriptor. Color: --color, then NO_COLOR, CLICOLOR_FORCE or FORCE_COLOR, TERM=dumb, isatty.
TerminalStyle style_of(int descriptor, ColorChoice choice);

/// How diagnostics look in a style, and on a descriptor.
Look look_of(const TerminalStyle& style);
Look look_of(int descriptor, ColorChoice choice);

/// Columns of a terminal as it is now, at least 1; 80 for what is none.
int columns_of(int descriptor);

/// A write to the descriptor would not wait for its reader.
bool takes_text(int descriptor);

/// Writes all of `text` to a descriptor; false when that is not possible (a closed pipe, a full disk).
bool write_all(int descriptor, std::string_view text);

/// From here on standard output is for results alone: whatever writes to descriptor 1 or to `stdout`, a plugin's printf for
/// example, gets into standard error. Before any thread exists.
void keep_results_apart();
/// Where results go; standard output, under another number once they are kept apart.
int result_descriptor();

/// Results for standard output. Throws Error("output-unwritable", output) when they cannot be written.
void write_result(std::string_view text);
/// write_result has failed: there is no use in another.
bool is_result_lost();
/// Diagnostics and progress for standard error. Nothing can be done when that fails.
void write_note(std::string_view text);

}  // namespace millrace::pipelines
