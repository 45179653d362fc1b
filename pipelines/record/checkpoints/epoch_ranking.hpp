// Which epoch of a run is its best: one rule for those that keep its checkpoint and for those that ask for it.
#pragma once

#include "record/environment/environment.hpp"

#include <millrace/metrics.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace millrace::pipelines {

/// By the metric that a run monitors; where it monitors none, by the one by which runs are compared (compared_metric), of which less is better.
class EpochRanking {
 public:
  struct Best {
    std::uint32_t epoch = 0;
    double value = 0;
  };
  explicit EpochRanking(Monitor monitor, std::span<const Metrics> epochs = {});

  /// Epochs come in order. Returns the value that counts; nothing where there is none, or none that is finite.
  std::optional<double> told(const Metrics& metrics);
  bool is_better(double value, double than) const;
  /// Of the epochs told the best, of equal ones the first.
  const std::optional<Best>& best() const { return best_; }
  /// Empty as long as nobody knows.
  const std::string& metric() const { return monitor_.metric; }

 private:
  Monitor monitor_;
  std::optional<Best> best_;
};

}  // namespace millrace::pipelines
