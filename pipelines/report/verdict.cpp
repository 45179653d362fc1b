// By the metric that runs are compared by, which is a loss: shares of an accuracy near 1 would say nothing.
#include "verdict.hpp"

#include "axis.hpp"
#include "duration_text.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace millrace::pipelines {
namespace {

constexpr std::array kTrends{"unknown", "improving", "leveled", "overfits", "worse", "unsettled", "diverged"};
// A best value of 0 is no measure of how much another is above it.
constexpr double kSmallestScale = 1e-3;

double scale_of(double value, const Curve& curve) {
  return std::max(
      {std::abs(value), kSmallestScale * std::abs(curve.points.front().value), std::numeric_limits<double>::min()});
}

std::ptrdiff_t finite_values(const Curve& curve) {
  return std::count_if(curve.points.begin(), curve.points.end(),
                       [](const CurvePoint& point) { return std::isfinite(point.value); });
}

std::size_t last_epochs(const Curve& curve) { return std::max<std::size_t>(1, curve.points.size() / 10); }

double least_of(const CurvePoint* first, const CurvePoint* end) {
  double least = std::numeric_limits<double>::infinity();
  for (; first != end; ++first)
    if (first->value < least) least = first->value;
  return least;
}

bool has_gained(const Curve& curve) {
  const CurvePoint *first = curve.points.data(), *end = first + curve.points.size(), *late = end - last_epochs(curve);
  const double before = least_of(first, late), after = least_of(late, end);
  return !std::isfinite(before) || before - after >= kLeastGain * scale_of(before, curve);
}

// The rise of the last value above the best, as a share of that.
double rise_of(const Curve& curve, const CurvePoint& best) {
  return (curve.points.back().value - best.value) / scale_of(best.value, curve);
}

bool has_risen(const Curve& curve, const CurvePoint& best) { return rise_of(curve, best) > kMostRise; }

bool is_one_epoch_old(const Curve& curve, const CurvePoint& best) {
  return curve.points.size() > 1 && curve.points[curve.points.size() - 2].epoch == best.epoch;
}

std::string share_text(double share) { return fmt::format("{:.3g} %", 100 * share); }

std::string gain_text(const Verdict& verdict, const Curve& curve) {
  return fmt::format("It was still getting better: the last {} took at least {} off {}.",
                     counted(last_epochs(curve), "epoch"), share_text(kLeastGain), verdict.metric);
}

std::string rise_text(const Verdict& verdict, const Curve& curve, const Curve* trained) {
  const std::string rise = fmt::format("since epoch {} {} has risen by {}", verdict.best->epoch, verdict.metric,
                                       share_text(rise_of(curve, *verdict.best)));
  if (verdict.trend == Trend::worse) return fmt::format("It has become worse: {}.", rise);
  return fmt::format("It overfits: {}, while {} fell from {} to {}.", rise, trained->name,
                     value_text(*trained->at(verdict.best->epoch)), value_text(trained->points.back().value));
}

std::string trend_text(const Verdict& verdict, const Curve& curve, const Curve* trained) {
  switch (verdict.trend) {
    case Trend::improving:
      return gain_text(verdict, curve);
    case Trend::overfits:
    case Trend::worse:
      return rise_text(verdict, curve, trained);
    case Trend::leveled:
      return fmt::format("It has leveled off: the last {} took less than {} off {}.",
                         counted(last_epochs(curve), "epoch"), share_text(kLeastGain), verdict.metric);
    case Trend::unsettled:
      return fmt::format("Its last epoch made it worse: {} has risen by {}, and whether it stays so cannot be told.",
                         verdict.metric, share_text(rise_of(curve, *verdict.best)));
    case Trend::diverged:
      return fmt::format("It has diverged: the last {} is not finite.", verdict.metric);
    case Trend::unknown:
      break;
  }
  return "Of fewer than two values no trend can be told.";
}

const char* rule_of(Trend trend) {
  switch (trend) {
    case Trend::improving:
      return "still getting better means that the best of the last tenth of the epochs is at least 1 % below the best "
             "before them";
    case Trend::leveled:
      return "leveled off means that the best of the last tenth of the epochs is not 1 % below the best before them, "
             "and the last value not 5 % above the best";
    case Trend::overfits:
      return "overfits means that the last value is more than 5 % above the best, which is of two epochs or more "
             "before the end, and that the same metric of "
             "the training has fallen since";
    case Trend::worse:
      return "worse means that the last value is more than 5 % above the best, which is of two epochs or more before "
             "the end";
    case Trend::unsettled:
      return "unsettled means that the last value is more than 5 % above the best, which is of the epoch before";
    default:
      return "";
  }
}

std::string epochs_text(const RunRecord& record) {
  std::string text = record.epochs_planned
                         ? fmt::format("{} of {}", record.epochs_done, counted(*record.epochs_planned, "epoch"))
                         : counted(record.epochs_done, "epoch");
  return record.seconds ? fmt::format("{} in {}", text, duration_text(*record.seconds)) : text;
}

// "Stopped (signal 2) after 3 of 5 epochs in 12 s."
std::string end_text(const RunRecord& record) {
  std::string how = record.status;
  if (!how.empty() && how[0] >= 'a' && how[0] <= 'z') how[0] = static_cast<char>(how[0] - 'a' + 'A');
  if (record.status.empty()) return {};
  if (record.status == "running") return fmt::format("Running: {} so far.", epochs_text(record));
  if (!record.reason.empty() && record.reason != "done" && record.reason != record.status)
    how += fmt::format(" ({})", record.reason);
  return fmt::format("{} after {}.", how, epochs_text(record));
}

std::string best_text(const Curve& curve) {
  const std::optional<CurvePoint> best = best_of(curve);
  const CurvePoint& last = curve.points.back();
  if (!best) return fmt::format("{} was never finite.", curve.name);
  if (best->epoch == last.epoch)
    return fmt::format("{} is at its best at the end, {}.", curve.name, value_text(last.value));
  const std::string at_best = value_text(best->value), at_end = value_text(last.value);
  if (at_best == at_end)
    return fmt::format("{} is {} at the end, as good as in epoch {}.", curve.name, at_end, best->epoch);
  return fmt::format("{} is {} at the end, at best it was {} in epoch {}.", curve.name, at_end, at_best, best->epoch);
}

const Curve* accuracy_of(const RunRecord& record) {
  const Curve* found = nullptr;
  for (const Curve& curve : record.curves)
    if (is_largest_best(curve.name) && (found == nullptr || (is_validation(curve.name) && !is_validation(found->name))))
      found = &curve;
  return found;
}

std::string problems_text(const RunRecord& record) {
  std::string text = record.failures.empty() ? "No failures" : counted(record.failures.size(), "failure");
  text += record.warnings.empty() ? ", no warnings." : fmt::format(", {}.", counted(record.warnings.size(), "warning"));
  return text;
}

void add_part(std::string& sentence, const std::string& part) {
  if (!part.empty()) sentence += (sentence.empty() ? "" : " ") + part;
}

void judge(const RunRecord& record, const Curve& curve, Verdict& verdict) {
  const Curve* trained = is_validation(curve.name) ? record.curve(trained_name(curve.name)) : nullptr;
  verdict.metric = curve.name;
  verdict.best = best_of(curve);
  verdict.last = curve.points.back();
  verdict.trend = trend_of(curve, trained);
  verdict.rule = rule_of(verdict.trend);
  add_part(verdict.sentence, best_text(curve));
  if (const Curve* accuracy = accuracy_of(record)) add_part(verdict.sentence, best_text(*accuracy));
  add_part(verdict.sentence, trend_text(verdict, curve, trained));
  if (!is_validation(curve.name))
    add_part(verdict.sentence, "Without a validation nothing can be said of overfitting.");
}

}  // namespace

const char* name_of(Trend trend) { return kTrends[static_cast<std::size_t>(trend)]; }

Trend trend_of(const Curve& curve, const Curve* trained) {
  const std::optional<CurvePoint> best = best_of(curve);
  if (!curve.points.empty() && !std::isfinite(curve.points.back().value)) return Trend::diverged;
  if (!best || finite_values(curve) < 2) return Trend::unknown;
  if (has_gained(curve)) return Trend::improving;
  if (!has_risen(curve, *best)) return Trend::leveled;
  if (is_one_epoch_old(curve, *best)) return Trend::unsettled;
  const std::optional<double> before = trained != nullptr ? trained->at(best->epoch) : std::nullopt;
  return before && trained->points.back().value < *before ? Trend::overfits : Trend::worse;
}

Verdict verdict_of(const RunRecord& record) {
  Verdict verdict;
  add_part(verdict.sentence, end_text(record));
  const bool has_loss = !record.curves.empty() && record.curves.front().name.ends_with("loss");
  if (has_loss) judge(record, record.curves.front(), verdict);
  if (record.curves.empty())
    add_part(verdict.sentence, record.epochs_done == 0 ? "No epoch was completed, so there is nothing to judge."
                                                       : "Nothing was measured, so there is nothing to judge.");
  if (record.status != "running" && record.status != "interrupted") add_part(verdict.sentence, problems_text(record));
  return verdict;
}

}  // namespace millrace::pipelines
