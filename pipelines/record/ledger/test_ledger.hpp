// The ledger of the test set: who has looked at it, when, with which weights, and what it came to. Entries are added and never taken away.
#pragma once

#include <cstdint>
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
};

/// The entries of the run in `folder`, the oldest first; none where nobody has looked. A torn last line is left out. Throws what read_journal throws.
std::vector<TestEntry> read_test_ledger(const std::string& folder);

/// Adds an entry, gives it the next number, and returns all of them when it is on the disk. Of several processes each waits for its turn. Throws what
/// Journal throws; journal-in-use when its turn has not come within 30 seconds.
std::vector<TestEntry> add_to_test_ledger(const std::string& folder, TestEntry entry);

/// "consulted 3 times: TIME, TIME, TIME"; of very many the last ones. Empty without an entry.
std::string consulted_text(const std::vector<TestEntry>& entries);

}  // namespace millrace::pipelines
