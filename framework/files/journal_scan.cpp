// What does not fit into a piece waits for the next one, so that the longest line decides what memory is needed.
#include "journal_scan.hpp"

#include <algorithm>
#include <string>

namespace millrace {
namespace {

constexpr std::size_t kScannedBytes = std::size_t{1} << 18;

// Takes the lines that end in `buffer`, whose first `known` bytes have no newline, and removes them from it.
bool take_lines(std::string& buffer, std::size_t known, const std::function<bool(std::string_view)>& take,
                JournalExtent& extent) {
  std::size_t begin = 0;
  for (std::size_t end = buffer.find('\n', known); end != std::string::npos; end = buffer.find('\n', begin)) {
    const std::string_view line = std::string_view(buffer).substr(begin, end - begin);
    if (line.size() >= kMaxJournalLineBytes || !take(line)) return false;
    begin = end + 1;
    extent.whole_bytes += line.size() + 1;
    ++extent.lines;
  }
  buffer.erase(0, begin);
  return buffer.size() < kMaxJournalLineBytes;
}

}  // namespace

JournalScan scan_journal(std::uint64_t first, std::uint64_t file_bytes,
                         const std::function<std::size_t(std::uint64_t, std::span<char>)>& read_at,
                         const std::function<bool(std::string_view)>& take) {
  JournalScan scan;
  std::string buffer;
  std::uint64_t read = 0;
  for (std::size_t got = kScannedBytes; got == kScannedBytes && !scan.has_bad_line;) {
    const std::size_t known = buffer.size();
    buffer.resize(known + kScannedBytes);
    got = read_at(first + read, std::span(buffer).subspan(known));
    buffer.resize(known + got);
    read += got;
    scan.has_bad_line = !take_lines(buffer, known, take, scan.extent);
  }
  scan.extent.torn_bytes = std::max(read, file_bytes - std::min(first, file_bytes)) - scan.extent.whole_bytes;
  return scan;
}

}  // namespace millrace
