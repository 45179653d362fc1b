// A journal with a bad line in its middle. A process that is killed and a disk that is full tear the last line and leave no such one; a power cut may, of
// lines that were not synced.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/error.hpp>
#include <millrace/files/journal_line.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace millrace {

/// Where whole lines stand behind one that is none. They count for nobody who reads the journal in its order, and nobody cuts them off.
struct JournalDamage {
  std::int64_t line = 0;          ///< the first that is none; the first of a file is 1
  std::int64_t whole_behind = 0;  ///< lines, at least 1
};

/// `taken`: what read_journal has given. Nothing where the tail behind that has no whole line. Calls `behind` with each whole line there, in order. Throws what InputFile throws,
/// and what `behind` throws.
MILLRACE_EXPORT std::optional<JournalDamage> journal_damage(const std::string& path, const JournalExtent& taken,
                                                            const std::function<void(const JournalLine&)>& behind = {});

using ReadJournalAt = std::function<std::size_t(std::uint64_t, std::span<char>)>;
/// The same of an open file of so many bytes.
MILLRACE_EXPORT std::optional<JournalDamage> journal_damage(std::uint64_t bytes, const ReadJournalAt& read_at,
                                                            const JournalExtent& taken,
                                                            const std::function<void(const JournalLine&)>& behind = {});

/// "`PATH` is damaged: line 5 is none, and 7 whole lines stand behind it".
MILLRACE_EXPORT std::string damage_text(const std::string& path, const JournalDamage& damage);
/// Error("journal-damaged", data), which says so, and what to do in place of cutting lines off.
MILLRACE_EXPORT Error journal_damaged(const std::string& path, const JournalDamage& damage);

}  // namespace millrace
