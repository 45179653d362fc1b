// Which epoch is the best by a value, and when none has become better for so long that a run may end.
#pragma once

#include <cstdint>

namespace millrace::stages {

struct JudgeRule {
  bool is_largest_best = false;
  std::uint64_t patience = 1;  ///< epochs without a better one
  double min_delta = 0;        ///< what is better by less than this does not count against patience
};

/// Sees the epochs in order. Of equal values the first is the best; one that is not finite is never better.
class EpochJudge {
 public:
  /// Plain values without padding: this is how they are saved.
  struct Verdict {
    std::uint64_t best_epoch = 0;  ///< 0: none yet
    double best = 0;
    double mark = 0;               ///< the last value that was better by min_delta
    std::uint64_t waited = 0;      ///< epochs since then
    std::uint64_t decided_at = 0;  ///< the epoch at whose end the run was to end with the next one; 0: none
  };

  explicit EpochJudge(const JudgeRule& rule) : rule_(rule) {}

  /// True where the epoch is the best so far.
  bool see(std::uint64_t epoch, double value);
  /// True where the run is to end with the epoch behind the one that was seen last. Says so once.
  bool decides();
  const Verdict& verdict() const { return verdict_; }
  void go_on_from(const Verdict& verdict) { verdict_ = verdict; }

 private:
  bool is_better(double value, double than, double by) const;

  JudgeRule rule_;
  Verdict verdict_;
  std::uint64_t seen_ = 0;
};

}  // namespace millrace::stages
