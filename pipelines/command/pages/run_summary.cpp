// In the order in which one asks: how it ended, what it made, where it ran, what it took.
#include "run_summary.hpp"

#include "check/memory_estimate.hpp"
#include "command/terminal/device_time_text.hpp"
#include "command/terminal/progress_text.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/quantity_text.hpp"
#include "run/report/early_stops.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

namespace millrace::pipelines {
namespace {

// The node that works most of the time it exists is what a faster machine or a cheaper stage would have to improve.
std::string limiting_node(const ValidatedGraph& graph, const RunReport& report) {
  if (report.exit_code != 0 || graph.epochs == 0) return {};
  const auto busiest = std::max_element(report.nodes.begin(), report.nodes.end(),
                                        [](const NodeReport& a, const NodeReport& b) { return a.busy < b.busy; });
  if (busiest == report.nodes.end() || report.seconds <= 0) return {};
  return fmt::format(", limited by {} {:.0f}%", busiest->name, 100 * std::min(1.0, busiest->busy / report.seconds));
}

std::string ranks_text(const ValidatedGraph& graph, const RunReport& report) {
  if (graph.ranks.size == 1) return {};
  std::string text = fmt::format("{} processes\n", graph.ranks.size);
  if (const auto deviation = reduction_deviation(report))
    text += fmt::format(
        "  the gradient of the last batch deviates from `reduction: ordered`\n  by {:.2g} of its largest value\n",
        *deviation);
  return text;
}

/// Epochs that every trainer has ended.
std::size_t epochs_trained(const ValidatedGraph& graph, const RunReport& report) {
  std::optional<std::size_t> least;
  for (const ValidatedNode& node : graph.nodes) {
    if (!graph.is_trainer(node)) continue;
    const auto trained = std::find_if(report.models.begin(), report.models.end(),
                                      [&](const TrainedModel& model) { return model.node == node.name; });
    const std::size_t epochs = trained == report.models.end() ? 0 : trained->model->epoch();
    least = std::min(least.value_or(epochs), epochs);
  }
  return least.value_or(0);
}

/// The hash of a model says whose it is where there are several.
std::string weights_text(const RunReport& report) {
  if (!report.weights_sha256.empty() && report.models.size() == 1)
    return fmt::format("weights sha256 {}\n", report.weights_sha256);
  std::string text;
  for (const TrainedModel& trained : report.models)
    text += fmt::format("weights of {}\n  sha256 {}\n", printable(trained.node), trained.model->weights_sha256());
  return text;
}

/// "stopped by signal 2 (Interrupt) in epoch 3 of 5"; otherwise the reason itself.
std::string end_text(const ValidatedGraph& graph, const RunReport& report) {
  if (report.exit_code <= 128) return report.reason;
  const std::size_t ended = epochs_trained(graph, report);
  return fmt::format("stopped by {} ({}) in epoch {} of {}", report.reason, sigdescr_np(report.exit_code - 128),
                     std::min<std::size_t>(ended + 1, graph.epochs), graph.epochs);
}

std::string warnings_line(std::size_t count) { return count == 0 ? "" : warnings_text(count) + "\n"; }

std::string early_stops_text(const RunReport& report) {
  std::string text;
  for (const EarlyStop& stop : report.early_stops) text += printable(early_stop_text(stop)) + "\n";
  return text;
}

std::string failed_saves_text(const RunReport& report) {
  return report.failed_saves == 0 ? "" : counted(report.failed_saves, "checkpoint") + " could not be kept\n";
}

std::string leaked_text(const RunReport& report) {
  return report.leaked_bytes ? ", leaked " + bytes_text(static_cast<double>(*report.leaked_bytes)) : "";
}

std::string budgets_text(const RunReport& report) {
  std::string text;
  for (const WidenedBudget& budget : report.widened)
    text += fmt::format(
        "budget of `{}` was widened to {} (planned: {}):\n  stages downstream drop rows, or its blocks are small\n",
        printable(budget.node), counted(budget.blocks, "block"), budget.planned);
  return text;
}

std::string beyond_text(const ValidatedGraph& graph, const RunReport& report) {
  const std::size_t more = bytes_beyond_plan(graph, report);
  return more == 0 ? ""
                   : fmt::format("the run may take {} more than `plan` said\n", bytes_text(static_cast<double>(more)));
}

}  // namespace

std::string run_summary(const ValidatedGraph& graph, const RunReport& report, std::size_t warnings) {
  std::string text = fmt::format("{}: {} in {}{}\n", printable(graph.name), end_text(graph, report),
                                 seconds_text(report.seconds), limiting_node(graph, report));
  text += early_stops_text(report);
  text += warnings_line(warnings);
  text += failed_saves_text(report);
  text += weights_text(report);
  text += ranks_text(graph, report);
  text += fmt::format("device {} ({}), {}\n", to_string(graph.device.id), graph.device.reason,
                      counted(graph.threads, "thread"));
  if (!graph.threads_reason.empty()) text += fmt::format("threads: {}\n", graph.threads_reason);
  text += fmt::format("device memory: peak {}{}\n", bytes_text(static_cast<double>(report.device_peak_bytes)),
                      leaked_text(report));
  if (report.peak_bytes > report.device_peak_bytes)
    text += fmt::format("host memory: peak {}\n",
                        bytes_text(static_cast<double>(report.peak_bytes - report.device_peak_bytes)));
  if (report.device_times) text += device_time_text(*report.device_times);
  return text + budgets_text(report) + beyond_text(graph, report);
}

std::size_t bytes_beyond_plan(const ValidatedGraph& graph, const RunReport& report) {
  std::map<std::string, std::int64_t> blocks;
  for (const WidenedBudget& budget : report.widened) blocks[budget.node] = budget.blocks;
  return bytes_beyond_estimate(graph, blocks);
}

}  // namespace millrace::pipelines
