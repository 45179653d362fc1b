// The loss is the mean of the epoch so far: its bits depend on the weights and on all sums that were saved with them.
#include "probes.hpp"

#include "kept_nodes.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <bit>
#include <cstddef>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr const char* kLoss = "loss";
// A disk is behind by so many steps at most; else lines are missing.
constexpr std::size_t kMostStates = 1U << 16U;

std::string probed_trainer(const ValidatedGraph& graph) {
  if (graph.ranks.size > 1 || graph.device.id.kind != "cpu") return {};
  std::string trainer;
  for (const KeptNode& node : kept_nodes(graph)) {
    if (!node.is_resumable) continue;
    if (!trainer.empty() || !node.model) return {};
    trainer = node.name;
  }
  return trainer;
}

JournalPosition line_position(const StatePosition& at) {
  if (at.is_epoch_end) return {at.epoch + 1, 0};
  return {at.epoch, static_cast<std::int64_t>(at.row)};
}

bool has_same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) || (a != a && b != b);
}

}  // namespace

std::optional<double> probe_of(const JournalLine& line) {
  return line.kind == kProbeLine ? line.number(kLoss) : std::nullopt;
}

Probes::Probes(const ValidatedGraph& graph, std::int64_t attempt, Append append, std::optional<double> expected)
    : trainer_(probed_trainer(graph)),
      attempt_(attempt),
      append_(std::move(append)),
      is_wanted_(expected.has_value()),
      expected_(expected) {}

void Probes::taken(const std::string& node, const StatePosition& at) {
  if (node != trainer_) return;
  const std::lock_guard lock(mutex_);
  awaited_ = line_position(at);
  is_wanted_ = true;
}

void Probes::written(const CheckpointPosition& at) {
  if (trainer_.empty()) return;
  const std::lock_guard lock(mutex_);
  written_ = line_position({at.epoch, at.batch, at.row, at.is_epoch_complete});
  losses_.erase(losses_.begin(), losses_.lower_bound(*written_));
  flush();
}

void Probes::step(const std::string& node, const StepProgress& progress) {
  if (!is_wanted_ || node != trainer_) return;
  const std::lock_guard lock(mutex_);
  compare(progress);
  if (awaited_) losses_[*std::exchange(awaited_, std::nullopt)] = progress.loss;
  if (losses_.size() > kMostStates) losses_.erase(losses_.begin());
  flush();
}

void Probes::compare(const StepProgress& progress) {
  const std::optional<double> expected = std::exchange(expected_, std::nullopt);
  if (!expected || has_same_bits(*expected, progress.loss)) return;
  throw Error(ErrorKind::data, "resume-diverges",
              fmt::format("the loss of epoch {} up to batch {} is {}; it was {} when the run came here first",
                          progress.epoch, progress.step, progress.loss, *expected),
              "the checkpoint before this batch is not what was trained, or this machine computes otherwise; "
              "`resume` again begins with the checkpoint before");
}

// What cannot be appended now is tried again at the next step.
void Probes::flush() {
  const auto loss = written_ ? losses_.find(*written_) : losses_.end();
  if (loss != losses_.end()) {
    JournalLine line;
    line.attempt = attempt_;
    line.position = *written_;
    line.kind = kProbeLine;
    line.values = {{kLoss, loss->second}};
    if (append_(line)) written_.reset();
  }
  is_wanted_ = awaited_.has_value() || written_.has_value();
}

}  // namespace millrace::pipelines
