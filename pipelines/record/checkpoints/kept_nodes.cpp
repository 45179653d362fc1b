// A trainer is known by what it gives, a model, and by what it saves, that model's weights; no stage is known by its name.
#include "kept_nodes.hpp"

#include <millrace/error.hpp>
#include <millrace/files/kept_checkpoints.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr std::string_view kOptimizer = "optimizer", kWeights = "weights";
constexpr const char* kLastEpoch = "last_epoch";

std::vector<std::string> slots_of(const ValidatedNode& node) {
  const ParamValue* const optimizer = node.params.find(kOptimizer);
  if (optimizer == nullptr || optimizer->is_null()) return {};
  return optimizer_slots({optimizer->alternative(), optimizer->alternative_params()});
}

bool has_weights(const StageState& state, const KeptNode& node) {
  const auto weights = state.entries().find(kWeights);
  return node.model != nullptr && weights != state.entries().end() &&
         weights->second.size() == static_cast<std::size_t>(node.model->parameters()) * sizeof(float);
}

const KeptNode& node_called(const std::vector<KeptNode>& nodes, const std::string& name) {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const KeptNode& node) { return node.name == name; });
  if (found != nodes.end()) return *found;
  throw Error(ErrorKind::run, "checkpoint-state", fmt::format("no node `{}` keeps a state", name),
              "this is a defect of Millrace");
}

// The earliest that any of them knew of: each was taken at a moment of its own.
void add_last_epoch(std::uint32_t epoch, SafetensorsMetadata& metadata) {
  if (epoch == UINT32_MAX) return;
  const auto [known, is_new] = metadata.emplace(kLastEpoch, fmt::format("{}", epoch));
  if (!is_new && epoch < std::stoul(known->second)) known->second = fmt::format("{}", epoch);
}

std::string rows_key(const std::string& node) { return "rows." + node; }

std::string rows_of(const Checkpoint& checkpoint, const std::string& node) {
  const auto rows = checkpoint.metadata.find(rows_key(node));
  return rows == checkpoint.metadata.end() ? "" : rows->second;
}

StatePosition place_of(const CheckpointPosition& at) { return {at.epoch, at.batch, at.row, at.is_epoch_complete}; }

}  // namespace

std::vector<KeptNode> kept_nodes(const ValidatedGraph& graph) {
  std::vector<KeptNode> kept;
  for (const ValidatedNode& node : graph.nodes) {
    const StateKind state = node.info->spec.state();
    if (state != StateKind::checkpointable && state != StateKind::resumable) continue;
    KeptNode one{node.name, state == StateKind::resumable};
    if (const PortSpec* const port = graph.is_trainer(node) ? node.model_output() : nullptr) {
      one.model = port->model;
      one.loss = port->loss;
    }
    if (one.model) one.slots = slots_of(node);
    kept.push_back(std::move(one));
  }
  return kept;
}

std::vector<std::string> volatile_nodes(const ValidatedGraph& graph) {
  std::vector<std::string> names;
  for (const ValidatedNode& node : graph.nodes)
    if (node.info->spec.state() == StateKind::volatile_) names.push_back(node.name);
  return names;
}

std::vector<PendingStates::Node> pending_nodes(const std::vector<KeptNode>& nodes) {
  std::vector<PendingStates::Node> all;
  for (const KeptNode& node : nodes) all.push_back({node.name, node.is_resumable});
  return all;
}

std::vector<CheckpointModel> checkpoint_models(const std::vector<KeptNode>& nodes) {
  std::vector<CheckpointModel> models;
  for (const KeptNode& node : nodes)
    if (node.model) models.push_back({node.name, node.model, node.slots});
  return models;
}

Checkpoint checkpoint_of(RunStates run, const std::vector<KeptNode>& nodes) {
  Checkpoint checkpoint;
  checkpoint.position = run.position;
  for (const NodeState& state : run.nodes) add_last_epoch(state.last_epoch, checkpoint.metadata);
  for (NodeState& state : run.nodes) {
    if (!state.rows.empty()) checkpoint.metadata.emplace(rows_key(state.node), state.rows);
    const KeptNode& node = node_called(nodes, state.node);
    if (has_weights(state.state, node))
      checkpoint.trainers.push_back({node.name, node.model, node.slots, std::move(state.state)});
    else
      checkpoint.stages.emplace(node.name, std::move(state.state));
  }
  return checkpoint;
}

std::vector<NodeState> states_of(const Checkpoint& checkpoint) {
  std::vector<NodeState> states;
  for (const TrainerState& trainer : checkpoint.trainers)
    states.push_back({trainer.node, place_of(checkpoint.position), trainer.state, rows_of(checkpoint, trainer.node)});
  const StatePosition before{next_epoch(checkpoint.position) - 1, 0, 0, true};
  for (const auto& [node, state] : checkpoint.stages) states.push_back({node, before, state});
  return states;
}

std::uint32_t last_epoch(const Checkpoint& checkpoint) {
  const auto known = checkpoint.metadata.find(kLastEpoch);
  std::uint32_t epoch = UINT32_MAX;
  if (known != checkpoint.metadata.end())
    std::from_chars(known->second.data(), known->second.data() + known->second.size(), epoch);
  return epoch;
}

void forget_last_epoch(Checkpoint& checkpoint) { checkpoint.metadata.erase(kLastEpoch); }

}  // namespace millrace::pipelines
