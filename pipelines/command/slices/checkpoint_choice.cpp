// The journal says which checkpoints were whole on the disk, and what the epochs before them have come to.
#include "checkpoint_choice.hpp"

#include "record/checkpoints/past_run.hpp"
#include "record/folder/run_parts.hpp"
#include "record/runs/run_status.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <vector>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& folder, const std::string& why, const std::string& help) {
  throw Error(ErrorKind::data, "no-checkpoint", fmt::format("run {}: {}", folder, why), help);
}

std::string metric_of(const PastRun& past, const KeepSpec& keep) {
  if (!keep.monitor.empty() || past.epochs.empty()) return keep.monitor;
  std::vector<std::string> names;
  for (const auto& [name, value] : past.epochs.back().values) names.push_back(name);
  return compared_metric(names);
}

}  // namespace

std::string choose_checkpoint(const std::string& folder, const std::string& word, const KeepSpec& keep) {
  if (word != kLastCheckpoint && word != kBestCheckpoint) return word;
  const PastRun past = read_past_run((fs::path(folder) / run_parts::kMetrics).string());
  const std::vector<KeptCheckpoint> all = stored_checkpoints(past, folder);
  if (all.empty())
    fail(folder, "it has no checkpoint",
         "it writes one at the end of each epoch: go on with it by `pipeline-run resume`");
  const std::optional<KeptCheckpoint> chosen =
      word == kLastCheckpoint ? all.front() : best_checkpoint(past, all, metric_of(past, keep), keep.is_largest_best);
  if (!chosen)
    fail(folder, "no checkpoint is of an epoch whose values are known", "name another: --checkpoint last, or a file");
  return (fs::path(folder) / chosen->path).string();
}

}  // namespace millrace::pipelines
