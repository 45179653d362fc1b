// Which checkpoints of a run stay on the disk: the newest, and the one with the best value of a metric.
#pragma once

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
  std::size_t keep_last = 2;     ///< at least 1
  std::string best_metric = {};  ///< the file with its best value at an epoch's end stays too; empty: none
  bool is_best_largest = false;
};

/// Knows the files that it was told of, and no others. Not safe from several threads.
class Retention {
 public:
  explicit Retention(RetentionPolicy policy);

  /// An epoch's values, before its checkpoint is added.
  void told(const Metrics& metrics);
  /// The newest so far. One with the same path takes the place of the other.
  void add(StoredCheckpoint file);
  /// Those that need not stay; they are not asked about again. Of equal values the first is the best.
  std::vector<StoredCheckpoint> take_superfluous();

 private:
  const StoredCheckpoint* best() const;
  bool is_better(double value, double than) const;

  RetentionPolicy policy_;
  std::map<std::uint32_t, double> values_;  ///< of the best metric, by epoch
  std::vector<StoredCheckpoint> files_;     ///< the oldest first
};

}  // namespace millrace::pipelines
