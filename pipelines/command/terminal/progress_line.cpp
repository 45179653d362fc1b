// Redrawn at most twenty times a second, and only where somebody looks.
#include "progress_line.hpp"

#include "diagnostics/printable_text.hpp"
#include "epoch_text.hpp"
#include "run/report/report_diagnostics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr double kRedrawSeconds = 0.05;
/// A run of no more epochs shows each on a terminal, however quick they are.
constexpr std::uint32_t kFewEpochs = 20;
constexpr double kShowSeconds = 1;

constexpr double kNever = -std::numeric_limits<double>::infinity();

}  // namespace

std::string warning_note(const RunWarning& warning, Look look) { return render(diagnostic_of(warning), look) + "\n"; }

ProgressLine::ProgressLine(ProgressOptions options, ProgressOutput& output)
    : options_(std::move(options)),
      output_(output),
      busy_since_(options_.clock()),
      drawn_at_(kNever),
      shown_at_(kNever) {}

void ProgressLine::step(const std::string& node, const StepProgress& progress) {
  steps_[progress.epoch][node] = progress;
  // The last step of an epoch is drawn whenever it comes: nothing may follow for as long as a validation takes.
  if (progress.step == progress.steps)
    draw();
  else
    draw_if_due();
}

// A trainer that has not begun counts with no step, so that the bar never goes back when it does.
EpochSteps ProgressLine::steps_of(std::uint32_t epoch) const {
  EpochSteps steps;
  steps.epoch = epoch;
  steps.epochs = options_.epochs;
  steps.name_nodes = options_.trainers.size() > 1;
  const auto known = steps_.find(epoch);
  if (known == steps_.end()) return steps;
  StepProgress none;
  none.steps = known->second.begin()->second.steps;
  for (const std::string& node : options_.trainers) {
    const auto progress = known->second.find(node);
    steps.trainers.push_back({node, progress == known->second.end() ? none : progress->second});
  }
  return steps;
}

bool ProgressLine::has_trained(const std::string& node, std::uint32_t epoch) const {
  for (const auto& [of_epoch, by_node] : steps_) {
    const auto progress = by_node.find(node);
    if (progress == by_node.end() || of_epoch < epoch) continue;
    if (of_epoch > epoch || progress->second.step == progress->second.steps) return true;
  }
  return false;
}

bool ProgressLine::has_trained(std::uint32_t epoch) const {
  return std::all_of(options_.trainers.begin(), options_.trainers.end(),
                     [&](const std::string& node) { return has_trained(node, epoch); });
}

void ProgressLine::epoch(const Metrics& metrics, bool complete) {
  if (!complete) return;
  const std::string line = epoch_line(metrics, steps_of(metrics.epoch), limit_, options_.result_style());
  steps_.erase(metrics.epoch);
  if (is_due(metrics.epoch))
    show(line);
  else
    left_out_ = line;
}

bool ProgressLine::is_due(std::uint32_t epoch) const {
  if (epoch == options_.epochs) return true;
  if (options_.every > 0) return epoch % options_.every == 0;
  const bool is_flood = options_.epochs > kFewEpochs && options_.result_style().is_terminal;
  return !is_flood || options_.clock() - shown_at_ >= kShowSeconds;
}

void ProgressLine::show(const std::string& line) {
  shown_at_ = options_.clock();
  left_out_.clear();
  if (!options_.quiet) output_.result(line);
}

void ProgressLine::print(std::string_view text) { output_.result(printable(text)); }

void ProgressLine::warning(const RunWarning& warning) {
  if (!options_.quiet) output_.note(warning_note(warning, look_of(options_.live_style())));
}

void ProgressLine::ending(const RunFailure& failure) {
  if (options_.quiet) return;
  output_.note(
      fmt::format("node `{}` has failed in epoch {}; the epochs before it end first (Ctrl-C ends them at once)\n",
                  printable(failure.node), failure.epoch));
}

// A node that works through the whole epoch is what a faster machine or a cheaper stage would have to improve.
void ProgressLine::busy(const std::map<std::string, double>& seconds_by_node) {
  const double now = options_.clock(), wall = now - busy_since_;
  double most = 0;
  for (const auto& [node, seconds] : seconds_by_node) {
    const double worked = seconds - busy_[node];
    if (worked <= most || wall <= 0) continue;
    most = worked;
    limit_ = fmt::format("{} {:.0f}%", node, 100 * std::min(1.0, worked / wall));
  }
  busy_ = seconds_by_node;
  busy_since_ = now;
}

void ProgressLine::finish() {
  if (!left_out_.empty()) show(std::exchange(left_out_, {}));
  output_.live({});
}

void ProgressLine::draw_if_due() {
  if (options_.clock() - drawn_at_ >= kRedrawSeconds) draw();
}

// The first epoch that is still being trained; one before it that is not over yet is being validated.
void ProgressLine::draw() {
  const TerminalStyle style = options_.live_style();
  if (options_.quiet || !style.redraws || steps_.empty()) return;
  drawn_at_ = options_.clock();
  auto shown = steps_.begin();
  while (std::next(shown) != steps_.end() && has_trained(shown->first)) ++shown;
  EpochSteps steps = steps_of(shown->first);
  const std::uint32_t oldest = steps_.begin()->first;
  if (options_.validates && has_trained(oldest)) steps.validating = oldest;
  output_.live(live_line(steps, style));
}

}  // namespace millrace::pipelines
