// Which nodes of a graph have a state that is kept, and how a checkpoint is made of their states and taken apart again.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "pending_states.hpp"

#include <millrace/files/checkpoint.hpp>

#include <memory>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct KeptNode {
  std::string name;
  bool is_resumable = false;
  std::shared_ptr<const ModelSpec> model = nullptr;  ///< null for what is no trainer
  Loss loss = Loss::mse;                             ///< of a trainer
  std::vector<std::string> slots = {};               ///< of a trainer's optimizer
};

/// In the order of the graph.
std::vector<KeptNode> kept_nodes(const ValidatedGraph& graph);
/// Nodes whose state nobody can save: a run that goes on would come to other results.
std::vector<std::string> volatile_nodes(const ValidatedGraph& graph);

std::vector<PendingStates::Node> pending_nodes(const std::vector<KeptNode>& nodes);
/// The trainers, as a checkpoint is read into them.
std::vector<CheckpointModel> checkpoint_models(const std::vector<KeptNode>& nodes);

Checkpoint checkpoint_of(RunStates run, const std::vector<KeptNode>& nodes);
/// States to be loaded. Those of trainers are at the checkpoint's position, all others at the end of the epoch before the one with which the
/// run goes on.
std::vector<NodeState> states_of(const Checkpoint& checkpoint);

/// The last epoch of the run, where it had been decided that it ends early; else UINT32_MAX.
std::uint32_t last_epoch(const Checkpoint& checkpoint);
/// Takes that decision out of it: another run makes its own.
void forget_last_epoch(Checkpoint& checkpoint);

}  // namespace millrace::pipelines
