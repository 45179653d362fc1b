#include "progress_line.hpp"

#include "config/printable_text.hpp"
#include "progress_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace millrace::pipelines {
namespace {

constexpr double kRedrawSeconds = 0.05;

double share_of(const StepProgress& progress) {
  return progress.steps > 0 ? static_cast<double>(progress.step) / static_cast<double>(progress.steps) : 0;
}

std::vector<std::string> head_parts(std::uint32_t epoch, std::uint32_t epochs, const StepProgress* progress,
                                    const TerminalStyle& style) {
  // Epoch 0 is a look at the weights that the training would start from; no epoch of none has been trained.
  std::vector<std::string> parts = {epoch == 0 ? "Epoch 0 (not trained)" : fmt::format("Epoch {}/{}", epoch, epochs)};
  if (progress == nullptr) return parts;
  parts.push_back(fmt::format("{}/{}", progress->step, progress->steps));
  if (style.redraws) parts.push_back(bar_text(share_of(*progress), style.unicode, style.color));
  return parts;
}

// As many parts as fit: a line that wraps cannot be redrawn by going back to its start.
std::string join(const std::vector<std::string>& parts, std::size_t most_columns) {
  std::string line;
  std::size_t columns = 0;
  for (const std::string& part : parts) {
    const std::size_t wanted = columns_of_text(part) + (line.empty() ? 0 : 2);
    if (columns + wanted > most_columns) break;
    line += (line.empty() ? "" : "  ") + part;
    columns += wanted;
  }
  return line;
}

std::string live_line(const StepProgress& progress, std::uint32_t epochs, const TerminalStyle& style) {
  std::vector<std::string> parts = head_parts(progress.epoch, epochs, &progress, style);
  parts.push_back(seconds_text(progress.seconds));
  parts.push_back("loss " + metric_text(progress.loss));
  if (progress.accuracy >= 0) parts.push_back("accuracy " + metric_text(progress.accuracy));
  if (progress.seconds > 0)
    parts.push_back(rate_text(static_cast<double>(progress.samples) / progress.seconds) + " samples/s");
  return join(parts, static_cast<std::size_t>(style.columns > 1 ? style.columns - 1 : 1));
}

bool is_timing(std::string_view name) { return name.ends_with("seconds") || name.ends_with("samples_per_second"); }

}  // namespace

std::string epoch_line(const Metrics& metrics, const StepProgress* last, std::uint32_t epochs, const std::string& limit,
                       const TerminalStyle& style) {
  std::vector<std::string> parts = head_parts(metrics.epoch, epochs, last, style);
  if (const auto seconds = metrics.find("seconds")) parts.push_back(seconds_text(*seconds));
  for (const auto& [name, value] : metrics.values)
    if (!is_timing(name)) parts.push_back(printable(name) + " " + metric_text(value));
  if (const auto rate = metrics.find("samples_per_second")) parts.push_back(rate_text(*rate) + " samples/s");
  if (!limit.empty() && metrics.epoch > 0) parts.push_back(fmt::format("[limited by {}]", limit));
  return join(parts, std::numeric_limits<std::size_t>::max());
}

ProgressLine::ProgressLine(TerminalStyle style, std::uint32_t epochs, Write note, Write result, Clock clock)
    : style_(style),
      epochs_(epochs),
      note_(std::move(note)),
      result_(std::move(result)),
      clock_(std::move(clock)),
      busy_since_(clock_()),
      drawn_at_(-std::numeric_limits<double>::infinity()) {}

void ProgressLine::step(const std::string& /*node*/, const StepProgress& progress) {
  last_steps_[progress.epoch] = progress;
  if (!style_.redraws || clock_() - drawn_at_ < kRedrawSeconds) return;
  drawn_at_ = clock_();
  draw(live_line(progress, epochs_, style_));
}

void ProgressLine::epoch(const Metrics& metrics, bool complete) {
  if (!complete) return;
  const auto last = last_steps_.find(metrics.epoch);
  clear();
  note_(epoch_line(metrics, last == last_steps_.end() ? nullptr : &last->second, epochs_, limit_, style_) + "\n");
  if (last != last_steps_.end()) last_steps_.erase(last);
}

void ProgressLine::print(std::string_view text) {
  clear();
  result_(printable(text));
}

// A node that works through the whole epoch is what a faster machine or a cheaper stage would have to improve.
void ProgressLine::busy(const std::map<std::string, double>& seconds_by_node) {
  const double now = clock_(), wall = now - busy_since_;
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

void ProgressLine::finish() { clear(); }

void ProgressLine::draw(const std::string& line) {
  note_((is_drawn_ ? "\r\x1b[K" : "") + line);
  is_drawn_ = true;
}

void ProgressLine::clear() {
  if (is_drawn_) note_("\r\x1b[K");
  is_drawn_ = false;
}

}  // namespace millrace::pipelines
