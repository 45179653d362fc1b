// The journal says which checkpoints were whole when they had been written; whether they still are, reading them tells.
#include "kept_model.hpp"

#include "record/checkpoints/past_run.hpp"
#include "record/folder/run_parts.hpp"

#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

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

/// The best one alone: the second best is not the best.
std::vector<KeptCheckpoint> best_of(const std::vector<KeptCheckpoint>& stored, const PastRun& past,
                                    const KeepSpec& keep) {
  if (keep.monitor.empty())
    throw Error(ErrorKind::usage, "export-no-monitor", "the run's config does not say by which metric a model is best",
                "leave --best out, or train with `keep: {monitor: val_loss}`");
  const auto best = best_checkpoint(past, stored, keep.monitor, keep.is_largest_best);
  return best ? std::vector{*best} : std::vector<KeptCheckpoint>();
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
  std::vector<KeptCheckpoint> candidates = stored_checkpoints(past, folder);
  if (choice.is_best) candidates = best_of(candidates, past, keep);
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
