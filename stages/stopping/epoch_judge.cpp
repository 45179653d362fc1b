// Best and patience are two questions: a value that is better by less than min_delta is the best all the same, and no weights are lost for it.
#include "epoch_judge.hpp"

#include <cmath>

namespace millrace::stages {

bool EpochJudge::is_better(double value, double than, double by) const {
  if (!std::isfinite(value)) return false;
  return rule_.is_largest_best ? value > than + by : value < than - by;
}

// A run that has ended early and goes on in another one is judged anew from where it stood.
bool EpochJudge::see(std::uint64_t epoch, double value) {
  seen_ = epoch;
  if (verdict_.decided_at != 0 && epoch > verdict_.decided_at + 1) verdict_.decided_at = 0;
  const bool is_first = verdict_.best_epoch == 0 && std::isfinite(value);
  const bool counts = is_first || (verdict_.best_epoch != 0 && is_better(value, verdict_.mark, rule_.min_delta));
  const bool is_best = is_first || (verdict_.best_epoch != 0 && is_better(value, verdict_.best, 0));
  if (counts) verdict_.mark = value;
  verdict_.waited = counts ? 0 : verdict_.waited + 1;
  if (!is_best) return false;
  verdict_.best_epoch = epoch;
  verdict_.best = value;
  return true;
}

bool EpochJudge::decides() {
  if (verdict_.decided_at != 0 || verdict_.waited < rule_.patience) return false;
  verdict_.decided_at = seen_;
  return true;
}

}  // namespace millrace::stages
