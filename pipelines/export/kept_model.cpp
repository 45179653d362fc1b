// The journal says which checkpoints were whole when they had been written; whether they still are, reading them tells.
#include "kept_model.hpp"

#include "record/checkpoints/best_checkpoint.hpp"
#include "record/checkpoints/past_run.hpp"
#include "record/folder/run_parts.hpp"
#include "record/runs/run_status.hpp"
#include "slice/model_rows.hpp"

#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <utility>

namespace millrace::pipelines {
namespace {

std::vector<KeptCheckpoint> candidates(const std::string& folder, bool is_best) {
  const PastRun past = read_past_run((std::filesystem::path(folder) / run_parts::kMetrics).string());
  return is_best ? best_checkpoints(past, folder, kept_monitor(folder)) : stored_checkpoints(past, folder);
}

Error nothing_left(const std::string& folder, const std::vector<std::string>& refused, bool is_best) {
  Error error(ErrorKind::data, "no-checkpoint",
              fmt::format("run `{}` has no {}checkpoint that can be used", folder, is_best ? "best " : ""),
              "`pipeline-run resume` goes on with a run that was interrupted before its first checkpoint; "
              "`--checkpoint` names another");
  for (const std::string& sentence : refused) error.add_note(sentence);
  return error;
}

KeptModel read(const std::string& path, const ValidatedNode& trainer) {
  const PortSpec* const port = trainer.model_output();
  auto snapshot = read_checkpoint_snapshot(path, trainer.name, port->model, port->loss);
  InputFile file(path);
  const CheckpointHeader header = read_checkpoint_header(file);
  return {trainer.name, path, header.position, header.metadata, std::move(snapshot), {}};
}

// A file may be whole and yet be another than the one that the journal tells of.
void require_of_journal(const std::vector<KeptCheckpoint>& journaled, const std::string& folder,
                        const std::string& path) {
  InputFile file(path);
  const CheckpointHeader header = read_checkpoint_header(file);
  for (const KeptCheckpoint& one : journaled)
    if (folder + "/" + one.path == path && (header.sha256 != one.sha256 || header.position != one.position))
      throw Error(ErrorKind::data, "checkpoint-foreign",
                  fmt::format("{} is not the file that the journal tells of", path));
}

}  // namespace

KeptModel kept_model(const std::string& folder, const ValidatedGraph& graph, const ModelChoice& choice) {
  const ValidatedNode& trainer = trainer_of(graph, choice.node);
  const bool is_best = choice.checkpoint == kBestCheckpoint;
  if (!is_best && choice.checkpoint != kLastCheckpoint) return read(choice.checkpoint, trainer);
  KeptModel model;
  std::vector<std::string> refused;
  const std::vector<KeptCheckpoint> all = candidates(folder, is_best);
  const auto use = [&](const std::string& path) {
    require_of_journal(all, folder, path);
    model = read(path, trainer);
  };
  const auto taken = first_usable(all, folder, use, refused);
  if (!taken) throw nothing_left(folder, refused, is_best);
  model.refused = std::move(refused);
  return model;
}

}  // namespace millrace::pipelines
