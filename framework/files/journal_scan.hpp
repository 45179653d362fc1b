// Goes through a file line by line, in pieces of a fixed size: for journals, whichever way they are opened.
#pragma once

#include <millrace/files/journal_line.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace millrace {

struct JournalScan {
  JournalExtent extent;
  bool has_bad_line = false;  ///< the tail is more than a part of a line
};

/// From byte `first` on to the first line that `take` refuses or that is too long; that is where the tail begins.
JournalScan scan_journal(std::uint64_t first, std::uint64_t file_bytes,
                         const std::function<std::size_t(std::uint64_t, std::span<char>)>& read_at,
                         const std::function<bool(std::string_view)>& take);

}  // namespace millrace
