// One line of a journal: what happened at a position of a run, as JSON.
#pragma once

#include <millrace/detail/export.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace millrace {

/// Where in a run. What has no epochs counts something else in `batch`: a ledger its entries.
struct JournalPosition {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): the 0 that it sees is in the comparison which the compiler makes
  auto operator<=>(const JournalPosition&) const = default;
};

using JournalValue = std::variant<bool, std::int64_t, double, std::string>;

struct MILLRACE_EXPORT JournalLine {
  std::int64_t attempt = 0;  ///< of the process that wrote it
  JournalPosition position;
  std::string kind;  ///< "train", "valid", "probe", ...: lines of one kind come in the order of their positions
  std::map<std::string, JournalValue, std::less<>> values;

  /// The value `name` as a number: also of a text that stands for one that is not finite. Nothing where there is none.
  std::optional<double> number(std::string_view name) const;
};

/// {"v":1,"attempt":A,"epoch":E,"batch":B,"kind":"K","values":{"NAME":VALUE,...}}, without a newline, values by name. A floating-point number has
/// the fewest digits that give the same bits, and always a point or an exponent; one that is not finite is the text "nan", "inf" or "-inf".
/// What is no UTF-8 in a text becomes U+FFFD; what a terminal would obey is escaped.
MILLRACE_EXPORT std::string to_json(const JournalLine&);

/// Takes a line as to_json writes it, with or without space between its pieces. False when `text` is no such line as a whole; what `line` then
/// holds is not specified. Throws Error("journal-version", data) for a line of another version of the format.
MILLRACE_EXPORT bool parse_journal_line(std::string_view text, JournalLine& line);
/// The same, faster: `values` are checked and left as they are.
MILLRACE_EXPORT bool parse_journal_place(std::string_view text, JournalLine& line);

/// What a journal holds: whole lines, then perhaps a tail that a killed process, a full disk or a power cut left. The tail begins with the first
/// line that is none. With whole lines behind that it is damage (files/journal_damage.hpp): nothing of it is cut, and who reads asks for it.
struct JournalExtent {
  std::int64_t lines = 0;         ///< whole ones
  std::uint64_t whole_bytes = 0;  ///< where the tail begins
  std::uint64_t torn_bytes = 0;   ///< 0 when nothing was torn
};

inline constexpr std::size_t kMaxJournalLineBytes = std::size_t{1} << 20;  ///< newline included

}  // namespace millrace
