// The journal says which checkpoints were whole on the disk, and what the epochs before them have come to.
#include "checkpoint_choice.hpp"

#include "record/checkpoints/past_run.hpp"
#include "record/folder/run_parts.hpp"
#include "record/runs/run_status.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& folder, const std::string& why, const std::string& help) {
  throw Error(ErrorKind::data, "no-checkpoint", fmt::format("run {}: {}", folder, why), help);
}

std::vector<KeptCheckpoint> there(const PastRun& past, const std::string& folder) {
  std::vector<KeptCheckpoint> kept;
  for (const KeptCheckpoint& checkpoint : past.checkpoints) {
    std::error_code ignored;
    if (fs::exists(fs::path(folder) / checkpoint.path, ignored)) kept.push_back(checkpoint);
  }
  return kept;
}

std::string metric_of(const PastRun& past, const KeepSpec& keep) {
  if (!keep.monitor.empty() || past.epochs.empty()) return keep.monitor;
  std::vector<std::string> names;
  for (const auto& [name, value] : past.epochs.back().values) names.push_back(name);
  return compared_metric(names);
}

std::optional<double> value_at(const PastRun& past, const KeptCheckpoint& kept, const std::string& metric) {
  for (const Metrics& epoch : past.epochs)
    if (kept.position.is_epoch_complete && epoch.epoch == kept.position.epoch) return epoch.find(metric);
  return std::nullopt;
}

const KeptCheckpoint* best_of(const PastRun& past, const std::vector<KeptCheckpoint>& all, const KeepSpec& keep) {
  const std::string metric = metric_of(past, keep);
  const KeptCheckpoint* best = nullptr;
  double best_value = 0;
  for (const KeptCheckpoint& kept : all) {
    const std::optional<double> value = value_at(past, kept, metric);
    if (!value || (best != nullptr && (keep.is_largest_best ? *value <= best_value : *value >= best_value))) continue;
    best = &kept;
    best_value = *value;
  }
  return best;
}

}  // namespace

std::string choose_checkpoint(const std::string& folder, const std::string& word, const KeepSpec& keep) {
  if (word != kLastCheckpoint && word != kBestCheckpoint) return word;
  const PastRun past = read_past_run((fs::path(folder) / run_parts::kMetrics).string());
  const std::vector<KeptCheckpoint> all = there(past, folder);
  if (all.empty())
    fail(folder, "it has no checkpoint",
         "it writes one at the end of each epoch: go on with it by `pipeline-run resume`");
  const KeptCheckpoint* const chosen = word == kBestCheckpoint ? best_of(past, all, keep) : &all.back();
  if (chosen == nullptr)
    fail(folder, "no checkpoint is of an epoch whose values are known", "name another: --checkpoint last, or a file");
  return (fs::path(folder) / chosen->path).string();
}

}  // namespace millrace::pipelines
