// The model of a run that is taken elsewhere: which trainer's, and from which checkpoint.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <millrace/files/checkpoint.hpp>
#include <millrace/model.hpp>

#include <memory>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct ModelChoice {
  std::string node;      ///< a trainer; empty: the only one
  bool is_best = false;  ///< by the metric that `keep` monitors, not the newest
};

struct KeptModel {
  std::string node;
  std::string checkpoint;  ///< path of the file
  CheckpointPosition position;
  SafetensorsMetadata metadata;  ///< what the run has put into it
  std::shared_ptr<const ModelSnapshot> model;
  std::vector<std::string> refused;  ///< checkpoints that should have been taken and cannot be used: a sentence each
};

/// From the newest checkpoint of the run in `folder` that can be read, or from the best; what is said of a torn one is in `refused`. `graph` and `keep`
/// are of its config. Throws Error: export-node (usage: which trainer is meant), export-no-checkpoint (data), export-no-monitor (usage).
KeptModel kept_model(const std::string& folder, const ValidatedGraph& graph, const KeepSpec& keep,
                     const ModelChoice& choice);

}  // namespace millrace::pipelines
