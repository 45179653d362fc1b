// The model of a run that is used: which trainer's, and from which checkpoint.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <millrace/files/checkpoint.hpp>
#include <millrace/model.hpp>

#include <memory>
#include <string>
#include <vector>

namespace millrace::pipelines {

inline constexpr const char *kLastCheckpoint = "last", *kBestCheckpoint = "best";

struct ModelChoice {
  std::string node;  ///< a trainer; empty: the only one
  /// `last`, the model that the run has ended with: the weights that it has restored, else the newest checkpoint that can be read. `best`, that of the best epoch, as
  /// best_checkpoints has it. Else a file.
  std::string checkpoint = kLastCheckpoint;
};

struct KeptModel {
  std::string node;
  std::string checkpoint;  ///< path of the file
  CheckpointPosition position;
  SafetensorsMetadata metadata;  ///< what the run has put into it
  std::shared_ptr<const ModelSnapshot> model;
  std::vector<std::string> refused;  ///< checkpoints that should have been taken and cannot be used: a sentence each
};

/// Of the run in `folder`; `graph` is of its config. Of the best the second best is not the best: where it is not stored or cannot be read, none is taken. Throws what
/// trainer_of throws, Error(no-checkpoint, data), and what reading a file throws that was named.
KeptModel kept_model(const std::string& folder, const ValidatedGraph& graph, const ModelChoice& choice);

}  // namespace millrace::pipelines
