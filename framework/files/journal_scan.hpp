// Goes through a file line by line, in pieces of a fixed size: for journals, whichever way they are opened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace millrace {

struct JournalScan {
  std::int64_t lines = 0;  ///< that were taken
  std::uint64_t whole_bytes = 0, torn_bytes = 0;
  bool has_bad_line = false;  ///< the tail is more than a part of a line
};

/// As kMaxJournalLineBytes, which journal.cpp sees to.
inline constexpr std::size_t kMostScannedBytes = std::size_t{1} << 20;

/// From byte `first` on to the first line that `take` refuses or that is too long; that is where the tail begins.
JournalScan scan_journal(std::uint64_t first, std::uint64_t file_bytes,
                         const std::function<std::size_t(std::uint64_t, std::span<char>)>& read_at,
                         const std::function<bool(std::string_view)>& take);

}  // namespace millrace
