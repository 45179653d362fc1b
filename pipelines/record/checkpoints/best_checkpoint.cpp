// The second best is not the best: who gets it without a word compares what cannot be compared.
#include "best_checkpoint.hpp"

#include "epoch_ranking.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

namespace millrace::pipelines {
namespace {

constexpr const char* kNoCheckpoint = "no-checkpoint";
constexpr const char* kHelp =
    "take another one on purpose: `--checkpoint last`, or one of its files by its path; log.txt says when a checkpoint "
    "could "
    "not be written, and a run that was interrupted comes to that epoch again by `pipeline-run resume`";

Error nothing_told(const std::string& folder, const EpochRanking& ranking) {
  const std::string what = ranking.metric().empty() ? "a loss" : fmt::format("`{}`", ranking.metric());
  return {ErrorKind::data, kNoCheckpoint,
          fmt::format("run `{}` has no best epoch: its journal has no finite value of {}", folder, what), kHelp};
}

std::string files_text(const std::vector<KeptCheckpoint>& stored) {
  std::vector<std::string> names;
  for (const KeptCheckpoint& kept : stored) names.push_back(std::filesystem::path(kept.path).filename().string());
  return names.empty() ? "and no other is" : fmt::format("stored are {}", fmt::join(names, ", "));
}

Error not_stored(const std::string& folder, const EpochRanking& ranking, const std::vector<KeptCheckpoint>& stored) {
  const EpochRanking::Best& best = *ranking.best();
  return {ErrorKind::data, kNoCheckpoint,
          fmt::format("the best epoch of run `{}` is {} (`{}` {:.6g}), whose checkpoint is not stored; {}", folder,
                      best.epoch, ranking.metric(), best.value, files_text(stored)),
          kHelp};
}

}  // namespace

std::vector<KeptCheckpoint> best_checkpoints(const PastRun& past, const std::string& folder, const Monitor& monitor) {
  const EpochRanking ranking(monitor, past.epochs);
  if (!ranking.best()) throw nothing_told(folder, ranking);
  const std::vector<KeptCheckpoint> stored = stored_checkpoints(past, folder);
  std::vector<KeptCheckpoint> best;
  for (auto kept = stored.rbegin(); kept != stored.rend(); ++kept)
    if (kept->position.is_epoch_complete && kept->position.epoch == ranking.best()->epoch) best.push_back(*kept);
  if (best.empty()) throw not_stored(folder, ranking, stored);
  return best;
}

}  // namespace millrace::pipelines
