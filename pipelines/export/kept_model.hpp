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
  /// `last`, the newest that can be read; `best`, that of the epoch with the best value of `keep.monitor`, or of the metric by which runs are compared, among
  /// those that are there; else a file.
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

/// Of the run in `folder`; `graph` and `keep` are of its config. Of the best the second best is not the best: where it cannot be read, none is taken. Throws what
/// trainer_of throws, Error(no-checkpoint, data), and what reading a file throws that was named.
KeptModel kept_model(const std::string& folder, const ValidatedGraph& graph, const KeepSpec& keep,
                     const ModelChoice& choice);

}  // namespace millrace::pipelines
