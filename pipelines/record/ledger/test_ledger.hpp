// The ledger of the test set: who has looked at it, when, with which weights, and what it came to. Entries are added and never taken away.
#pragma once

#include <millrace/files/journal_damage.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {

struct TestEntry {
  std::int64_t number = 0;     ///< from 1
  std::string time;            ///< ISO 8601, UTC
  std::string checkpoint;      ///< from the run's folder on, or a path elsewhere
  std::int64_t epoch = 0;      ///< that the weights are of
  std::string weights_sha256;  ///< of several trainers one behind the other, with a space between
  std::vector<std::pair<std::string, double>> values;  ///< metrics by name, losses first
  std::string test_set_sha256 = {};  ///< of the data and the config; empty in a ledger of an older release
};

struct TestLedger {
  std::vector<TestEntry> entries;       ///< all that can be read, the oldest first
  std::optional<JournalDamage> damage;  ///< some of them stand behind a line that cannot
};

/// That of the run in `folder`; without entries where nobody has looked. A torn last line is left out. Throws what read_journal throws.
TestLedger read_test_ledger(const std::string& folder);
/// Its entries, where none is lost. Throws journal-damaged too.
std::vector<TestEntry> whole_test_ledger(const std::string& folder);
/// What of it cannot be read; empty where all can.
std::string damage_text(const std::string& folder, const TestLedger& ledger);

/// Adds an entry, gives it the next number, and returns all of them when it is on the disk. Of several processes each waits for its turn. Throws what
/// Journal throws, so that a look is never cut off: journal-damaged; journal-in-use when its turn has not come within 30 seconds.
std::vector<TestEntry> add_to_test_ledger(const std::string& folder, TestEntry entry);

/// Which looks were at another test set than the last one: "look 1 was at other data, or with another config, than the last". Empty where none was.
std::string other_set_text(const std::vector<TestEntry>& entries);

/// "consulted 3 times: TIME, TIME, TIME"; of very many the last ones. Empty without an entry.
std::string consulted_text(const std::vector<TestEntry>& entries);

}  // namespace millrace::pipelines
