// Which checkpoints of a run stay on the disk: the newest, and that of the best epoch.
#pragma once

#include "epoch_ranking.hpp"

#include <millrace/files/checkpoint.hpp>
#include <millrace/metrics.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A checkpoint that is good, where it lies.
struct StoredCheckpoint {
  CheckpointPosition position;
  std::string path;
};

struct RetentionPolicy {
  std::size_t keep_last = 2;  ///< at least 1
  Monitor monitor = {};       ///< the file at the end of the epoch that EpochRanking has as the best stays too
};

/// Knows the files that it was told of, and no others. Not safe from several threads.
class Retention {
 public:
  explicit Retention(RetentionPolicy policy);

  /// An epoch's values, before its checkpoint is added.
  void told(const Metrics& metrics);
  /// Whether it is the end of the best epoch so far: what writes checkpoints may not leave it out.
  bool is_best(const CheckpointPosition& position) const;
  /// The newest so far. One with the same path takes the place of the other.
  void add(StoredCheckpoint file);
  /// Those that need not stay; they are not asked about again. While the best epoch has no file, the best that has one stays.
  std::vector<StoredCheckpoint> take_superfluous();

 private:
  const StoredCheckpoint* best() const;
  void forget_values();

  std::size_t keep_last_;
  EpochRanking ranking_;
  std::map<std::uint32_t, double> values_;  ///< by epoch, of those that have a file or may still get one
  std::vector<StoredCheckpoint> files_;     ///< the oldest first
};

}  // namespace millrace::pipelines
