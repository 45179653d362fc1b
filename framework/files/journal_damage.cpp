// What is behind a bad line is looked at only where there is one, so that a whole journal is read once.
#include "journal_scan.hpp"

#include <millrace/files/journal_damage.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <utility>

namespace millrace {
namespace {

constexpr std::size_t kSearchedBytes = std::size_t{1} << 18;

// The line behind the one in which byte `at` is; the end of the file where that is its last.
std::uint64_t next_line(std::uint64_t at, const ReadJournalAt& read_at) {
  std::string piece(kSearchedBytes, '\0');
  while (!piece.empty()) {
    piece.resize(read_at(at, piece));
    if (const std::size_t end = piece.find('\n'); end != std::string::npos) return at + end + 1;
    at += piece.size();
  }
  return at;
}

// Of a bad one it is not known what it was, so one of another version is bad as well.
bool is_whole_line(std::string_view text, JournalLine& line) try {
  return parse_journal_line(text, line);
} catch (const Error&) {
  return false;
}

}  // namespace

// A tail that was the beginning of a line when it was read, and whose writer has gone on since, begins with a whole one.
std::optional<JournalDamage> journal_damage(std::uint64_t bytes, const ReadJournalAt& read_at,
                                            const JournalExtent& taken,
                                            const std::function<void(const JournalLine&)>& behind) {
  JournalDamage damage{taken.lines + 1, 0};
  bool is_first = true, was_torn = false;
  JournalLine line;
  const auto take = [&](std::string_view text) {
    const bool is_whole = is_whole_line(text, line);
    was_torn = std::exchange(is_first, false) && is_whole;
    if (was_torn || !is_whole) return !was_torn;
    ++damage.whole_behind;
    if (behind) behind(line);
    return true;
  };
  for (std::uint64_t at = taken.whole_bytes; at < bytes && !was_torn;) {
    const JournalScan scan = scan_journal(at, bytes, read_at, take);
    if (!scan.has_bad_line) break;
    is_first = false;  // one that is too long
    at = next_line(at + scan.extent.whole_bytes, read_at);
  }
  return damage.whole_behind > 0 ? std::optional(damage) : std::nullopt;
}

std::optional<JournalDamage> journal_damage(const std::string& path, const JournalExtent& taken,
                                            const std::function<void(const JournalLine&)>& behind) {
  InputFile file(path);
  const auto read_at = [&](std::uint64_t offset, std::span<char> out) {
    return file.read_at(offset, std::as_writable_bytes(out));
  };
  return journal_damage(file.bytes(), read_at, taken, behind);
}

std::string damage_text(const std::string& path, const JournalDamage& damage) {
  return fmt::format("`{}` is damaged: line {} is none, and {} whole line{} behind it", path, damage.line,
                     damage.whole_behind, damage.whole_behind == 1 ? " stands" : "s stand");
}

Error journal_damaged(const std::string& path, const JournalDamage& damage) {
  return {
      ErrorKind::data, "journal-damaged", damage_text(path, damage),
      fmt::format("it was left as it is, for whole lines are never cut off: put it back from a copy, or mend line {} "
                  "by hand and keep a copy of what was there",
                  damage.line)};
}

}  // namespace millrace
