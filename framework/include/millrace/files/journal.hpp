// An append-only file of JSON lines, each at a position of the run, so that a run that goes on writes no line twice: metrics, ledgers, trials.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/files/journal_line.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// Calls `each` with every whole line, in order. Changes nothing, and may run while another process appends: a line that is just being
/// written is a tail. Throws what InputFile throws, journal-version, and what `each` throws.
MILLRACE_EXPORT JournalExtent read_journal(const std::string& path,
                                           const std::function<void(const JournalLine&)>& each);

/// A journal that is appended to, by one process at a time. One thread at a time.
///
/// What is on the disk: a line that `append` has taken survives the end of the process, whatever ended it; a power cut it survives from the next
/// `sync` on. So whoever acknowledges something that counts on a line (a checkpoint, an entry of a ledger) calls sync() first. Not each line,
/// because bringing one to a disk takes as long as some training steps.
class MILLRACE_EXPORT Journal {
 public:
  /// Opens or makes it; its folder must be there. A torn tail without a whole line is cut off; more than a part of a line is kept beside as
  /// "PATH.cut-1", -2, ... All that is then there has been brought to the disk, so that what `append` skips is not lost later.
  /// Throws Error of kind output: journal-in-use where another process has it open for appending (on file systems without locks a Claim has to see
  /// to that), output-unwritable; of kind data: journal-version, and journal-damaged where whole lines stand behind one that is none.
  explicit Journal(const std::string& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Appends in one write. False, and nothing is written, when a line of this kind is there at this position or a later one: the process before
  /// got that far. Throws output-unwritable; what of the line was written is cut off again, now or before the next append, which may be tried.
  /// Throws Error("journal-line-long", run) beyond kMaxJournalLineBytes.
  bool append(const JournalLine&);
  /// Brings all lines to the disk (fdatasync). When that fails, lines since the last sync may be lost without a further sign: the journal is
  /// then of no more use, and every call throws the same.
  void sync();

  /// The position of the last line of a kind. Nothing where there is none.
  std::optional<JournalPosition> last(std::string_view kind) const;
  /// What was there when it was opened, before the tail was cut.
  const JournalExtent& found() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace
