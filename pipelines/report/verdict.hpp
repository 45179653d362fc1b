// What a run has come to, in a few sentences that say by which rule.
#pragma once

#include "run_record.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace millrace::pipelines {

/// Which way a metric of a model goes, of which less is better.
enum class Trend : std::uint8_t {
  unknown,    ///< of fewer than two finite values nothing can be said
  improving,  ///< the last epochs have made it better
  leveled,    ///< they have not, and it is about as good as it was
  overfits,   ///< it has become worse while that of the training went on to fall
  worse,      ///< it has become worse, and that of the training too
  unsettled,  ///< it has become worse in the last epoch alone
  diverged,   ///< its last value is not finite
};
/// "improving", ...
const char* name_of(Trend trend);

/// The last epochs are a tenth of all, one at least. They have made it better when they took at least this share off the best value before them.
inline constexpr double kLeastGain = 0.01;
/// It has become worse when its last value is so much above its best one, and the best is of more than one epoch before the end.
inline constexpr double kMostRise = 0.05;

/// `trained`: the same of the training; null where there is none, or `curve` is that.
Trend trend_of(const Curve& curve, const Curve* trained);

struct Verdict {
  Trend trend = Trend::unknown;
  std::string metric;  ///< by which it is told; empty without an epoch
  std::optional<CurvePoint> best, last;
  std::string sentence;  ///< of several parts: how it ended, how good it is, failures and warnings
  std::string rule;      ///< by which the trend is told; empty where none is
};

Verdict verdict_of(const RunRecord& record);

}  // namespace millrace::pipelines
