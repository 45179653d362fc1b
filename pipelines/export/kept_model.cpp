// The journal says which checkpoints were whole when they had been written; whether they still are, reading them tells.
#include "kept_model.hpp"

#include "record/checkpoints/past_run.hpp"
#include "record/folder/run_parts.hpp"

#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>

namespace millrace::pipelines {
namespace {

std::string path_of(const std::string& folder, const KeptCheckpoint& kept) { return folder + "/" + kept.path; }

CheckpointModel trainer_of(const ValidatedGraph& graph, const std::string& name) {
  const std::vector<CheckpointModel> models = checkpoint_models(kept_nodes(graph));
  std::vector<std::string> names;
  for (const CheckpointModel& model : models) {
    names.push_back(model.node);
    if (model.node == name || (name.empty() && models.size() == 1)) return model;
  }
  throw Error(ErrorKind::usage, "export-node",
              name.empty() ? fmt::format("the run has {} trainers", models.size())
                           : fmt::format("the run has no trainer `{}`", name),
              names.empty() ? "export a run that trains a model"
                            : fmt::format("--node says whose model: {}", fmt::join(names, ", ")));
}

Loss loss_of(const ValidatedGraph& graph, const std::string& name) {
  for (const ValidatedNode& node : graph.nodes)
    for (const auto& [output, port] : node.outputs)
      if (node.name == name && port.kind == PortKind::model) return port.loss;
  return Loss::mse;
}

/// Those whose files are there, the newest first.
std::vector<KeptCheckpoint> newest_first(const PastRun& past, const std::string& folder) {
  std::vector<KeptCheckpoint> found;
  std::error_code ignored;
  for (auto kept = past.checkpoints.rbegin(); kept != past.checkpoints.rend(); ++kept)
    if (std::filesystem::exists(path_of(folder, *kept), ignored)) found.push_back(*kept);
  return found;
}

/// Values of the metric by epoch.
std::map<std::uint32_t, double> values_of(const PastRun& past, const std::string& metric) {
  std::map<std::uint32_t, double> values;
  for (const Metrics& epoch : past.epochs)
    if (const auto value = epoch.find(metric)) values[epoch.epoch] = *value;
  return values;
}

// Of equal values the first epoch counts, as with the checkpoint that stays.
std::vector<KeptCheckpoint> best_first(std::vector<KeptCheckpoint> kept, const PastRun& past, const KeepSpec& keep) {
  if (keep.monitor.empty())
    throw Error(ErrorKind::usage, "export-no-monitor", "the run's config does not say by which metric a model is best",
                "leave --best out, or train with `keep: {monitor: val_loss}`");
  const std::map<std::uint32_t, double> values = values_of(past, keep.monitor);
  std::erase_if(kept, [&](const KeptCheckpoint& file) {
    return !file.position.is_epoch_complete || !values.contains(file.position.epoch);
  });
  std::reverse(kept.begin(), kept.end());
  std::stable_sort(kept.begin(), kept.end(), [&](const KeptCheckpoint& a, const KeptCheckpoint& b) {
    const double x = values.at(a.position.epoch), y = values.at(b.position.epoch);
    return keep.is_largest_best ? x > y : x < y;
  });
  if (kept.size() > 1) kept.resize(1);  // the second best is not the best
  return kept;
}

SafetensorsMetadata metadata_of(const std::string& path) {
  InputFile file(path);
  return read_checkpoint_header(file).metadata;
}

Error nothing_left(const std::string& folder, const std::vector<std::string>& refused) {
  Error error(ErrorKind::data, "export-no-checkpoint",
              fmt::format("run `{}` has no checkpoint that can be used", folder),
              "`pipeline-run resume` goes on with a run that was interrupted before its first checkpoint");
  for (const std::string& sentence : refused) error.add_note(sentence);
  return error;
}

}  // namespace

KeptModel kept_model(const std::string& folder, const ValidatedGraph& graph, const KeepSpec& keep,
                     const ModelChoice& choice) {
  const CheckpointModel trainer = trainer_of(graph, choice.node);
  const PastRun past = read_past_run((std::filesystem::path(folder) / run_parts::kMetrics).string());
  std::vector<KeptCheckpoint> candidates = newest_first(past, folder);
  if (choice.is_best) candidates = best_first(std::move(candidates), past, keep);
  std::vector<std::string> refused;
  for (const KeptCheckpoint& kept : candidates) {
    const std::string path = path_of(folder, kept);
    try {
      auto model = read_checkpoint_snapshot(path, trainer.node, trainer.model, loss_of(graph, trainer.node));
      return {trainer.node, path, kept.position, metadata_of(path), std::move(model), std::move(refused)};
    } catch (const Error& error) {
      refused.push_back(error.message());
    }
  }
  throw nothing_left(folder, refused);
}

}  // namespace millrace::pipelines
