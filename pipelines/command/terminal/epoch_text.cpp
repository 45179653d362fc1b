// Lines are made of parts with a worth; what is worth least goes first when there is no room.
#include "epoch_text.hpp"

#include "diagnostics/printable_text.hpp"
#include "progress_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string_view>

namespace millrace::pipelines {
namespace {

/// What goes first when a line is too long. Parts of one rank go from the right.
enum class Worth : std::uint8_t { limit, rate, bar, accuracy, steps, time, validating, head, loss };

struct Part {
  std::string text;
  Worth worth;
};

std::size_t columns_of_parts(const std::vector<Part>& parts) {
  std::size_t columns = 0;
  for (const Part& part : parts) columns += columns_of_text(part.text) + (columns > 0 ? 2 : 0);
  return columns;
}

std::vector<Part>::iterator least_worth(std::vector<Part>& parts) {
  auto least = parts.begin();
  for (auto part = parts.begin(); part != parts.end(); ++part)
    if (part->worth <= least->worth) least = part;
  return least;
}

std::string joined(const std::vector<Part>& parts) {
  std::string line;
  for (const Part& part : parts) line += (line.empty() ? "" : "  ") + part.text;
  return line;
}

std::size_t room_of(const TerminalStyle& style) { return static_cast<std::size_t>(std::max(style.columns - 1, 1)); }

constexpr int kFewCells = 6, kManyCells = 20;

double share_of(const StepProgress& progress) {
  return progress.steps > 0 ? static_cast<double>(progress.step) / static_cast<double>(progress.steps) : 0;
}

/// The trainer that has most left to do: the epoch is over when it is.
const StepProgress& last_of(const EpochSteps& steps) {
  return std::min_element(steps.trainers.begin(), steps.trainers.end(),
                          [](const auto& a, const auto& b) { return share_of(a.progress) < share_of(b.progress); })
      ->progress;
}

// As wide as it will get, so that what stands behind it does not move.
std::string steps_text(const StepProgress& progress) {
  if (progress.steps <= 0) return fmt::format("{} steps", progress.step);
  const std::string steps = std::to_string(progress.steps);
  return fmt::format("{:>{}}/{}", progress.step, steps.size(), steps);
}

// Epoch 0 is a look at the weights that the training would start from; no epoch of none has been trained.
std::string head_text(std::uint32_t epoch, std::uint32_t epochs) {
  return epoch == 0 ? "Epoch 0 (not trained)" : fmt::format("Epoch {}/{}", epoch, epochs);
}

std::string time_text(const StepProgress& progress) {
  std::string spent = seconds_text(progress.seconds);
  if (progress.steps <= 0 || progress.step <= 0) return spent;
  const double left = progress.seconds / static_cast<double>(progress.step) *
                      static_cast<double>(std::max<std::int64_t>(progress.steps - progress.step, 0));
  return fmt::format("{}, ETA {}", spent, seconds_text(left));
}

std::string validating_text(const EpochSteps& steps) {
  return steps.validating == steps.epoch ? "validating" : fmt::format("validating {}", steps.validating);
}

void add_values(const EpochSteps& steps, std::vector<Part>& parts) {
  for (const EpochSteps::Trainer& trainer : steps.trainers) {
    if (trainer.progress.step == 0) continue;
    const std::string whose = steps.name_nodes ? printable(trainer.node) + " " : "";
    parts.push_back({fmt::format("{}loss {}", whose, metric_text(trainer.progress.loss)), Worth::loss});
    if (trainer.progress.accuracy >= 0)
      parts.push_back({fmt::format("{}accuracy {}", whose, metric_text(trainer.progress.accuracy)), Worth::accuracy});
  }
}

// A bar that has found room takes what is left of it.
void stretch_bar(std::vector<Part>& parts, double share, const TerminalStyle& style) {
  const auto bar = std::find_if(parts.begin(), parts.end(), [](const Part& part) { return part.worth == Worth::bar; });
  if (bar == parts.end()) return;
  const auto left = static_cast<int>(room_of(style) - columns_of_parts(parts));
  bar->text = bar_text(share, std::min(kFewCells + left, kManyCells), style.unicode, style.color);
}

std::string rate_of(const EpochSteps& steps) {
  double rate = 0;
  for (const EpochSteps::Trainer& trainer : steps.trainers)
    if (trainer.progress.seconds > 0) rate += static_cast<double>(trainer.progress.samples) / trainer.progress.seconds;
  return rate > 0 ? rate_text(rate) + " samples/s" : "";
}

bool is_timing(std::string_view name) { return name.ends_with("seconds") || name.ends_with("samples_per_second"); }

std::vector<Part> metric_parts(const Metrics& metrics) {
  std::vector<Part> parts;
  for (const auto& [name, value] : metrics.values)
    if (!is_timing(name)) parts.push_back({printable(name) + " " + metric_text(value), Worth::loss});
  return parts;
}

// Results are not left out: they go on in lines of their own.
std::string broken(const std::vector<Part>& parts, std::size_t room) {
  std::string text;
  std::size_t columns = 0;
  for (const Part& part : parts) {
    const std::size_t wanted = columns_of_text(part.text) + 2;
    const bool fits = columns == 0 || columns + wanted <= room;
    text += columns == 0 ? part.text : (fits ? "  " : "\n  ") + part.text;
    columns = fits && columns > 0 ? columns + wanted : wanted - (columns == 0 ? 2 : 0);
  }
  return text;
}

}  // namespace

std::string live_line(const EpochSteps& steps, const TerminalStyle& style) {
  const StepProgress& last = last_of(steps);
  std::vector<Part> parts = {{head_text(steps.epoch, steps.epochs), Worth::head}, {steps_text(last), Worth::steps}};
  if (last.steps > 0) parts.push_back({bar_text(share_of(last), kFewCells, style.unicode, style.color), Worth::bar});
  parts.push_back({time_text(last), Worth::time});
  if (steps.validating > 0) parts.push_back({validating_text(steps), Worth::validating});
  add_values(steps, parts);
  if (const std::string rate = rate_of(steps); !rate.empty()) parts.push_back({rate, Worth::rate});
  while (!parts.empty() && columns_of_parts(parts) > room_of(style)) parts.erase(least_worth(parts));
  stretch_bar(parts, share_of(last), style);
  return joined(parts);
}

std::string epoch_line(const Metrics& metrics, const EpochSteps& steps, const std::string& limit,
                       const TerminalStyle& style) {
  std::vector<Part> parts = {{head_text(metrics.epoch, steps.epochs), Worth::head}};
  if (!steps.trainers.empty()) parts.push_back({steps_text(last_of(steps)), Worth::steps});
  if (const auto seconds = metrics.find("seconds")) parts.push_back({seconds_text(*seconds), Worth::time});
  for (Part& part : metric_parts(metrics)) parts.push_back(std::move(part));
  if (const auto rate = metrics.find("samples_per_second"))
    parts.push_back({rate_text(*rate) + " samples/s", Worth::rate});
  if (!limit.empty() && metrics.epoch > 0) parts.push_back({fmt::format("[limited by {}]", limit), Worth::limit});
  const std::size_t room = style.is_terminal ? room_of(style) : std::numeric_limits<std::size_t>::max();
  while (columns_of_parts(parts) > room && least_worth(parts)->worth < Worth::head) parts.erase(least_worth(parts));
  return broken(parts, room) + "\n";
}

}  // namespace millrace::pipelines
