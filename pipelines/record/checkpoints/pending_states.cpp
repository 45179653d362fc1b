// The furthest whole state is looked for anew each time, by positions alone; only one that is further than what was given is taken out.
#include "pending_states.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace millrace::pipelines {
namespace {

CheckpointPosition position_of(const StatePosition& at, bool is_complete) {
  return {at.epoch, at.batch, at.row, is_complete};
}

}  // namespace

bool is_further(const CheckpointPosition& a, const CheckpointPosition& b) {
  const auto place = [](const CheckpointPosition& p) {
    return std::tuple(p.epoch, p.is_epoch_complete, p.row, p.batch);
  };
  return place(a) < place(b);
}

PendingStates::PendingStates(std::vector<Node> nodes, std::uint32_t first_epoch, const std::vector<NodeState>& loaded)
    : nodes_(std::move(nodes)), first_epoch_(first_epoch), told_(first_epoch - std::min(first_epoch, 1U)) {
  for (const NodeState& state : loaded) {
    const CheckpointPosition at = position_of(state.position, state.position.is_epoch_end);
    if (!given_ || is_further(*given_, at)) given_ = at;
    if (state.position.is_epoch_end && state.position.epoch < first_epoch) take(state);
  }
}

void PendingStates::take(NodeState state) {
  const std::string node = state.node;
  const std::uint32_t epoch = state.position.epoch;
  if (state.position.is_epoch_end)
    ended_[node].insert_or_assign(epoch, std::move(state));
  else
    running_.insert_or_assign(node, std::move(state));
}

// The end of the last epoch that was told stays, for those that begin the next one anew.
void PendingStates::told(std::uint32_t epoch) {
  told_ = epoch;
  for (auto& [node, states] : ended_) states.erase(states.begin(), states.lower_bound(epoch));
}

std::optional<RunStates> PendingStates::end() { return if_further(at_end()); }

std::optional<RunStates> PendingStates::next() {
  std::optional<Found> found = in_epoch(false);
  return if_further(found ? std::move(found) : at_end());
}

std::optional<RunStates> PendingStates::last() {
  std::optional<Found> found = in_epoch(true);
  return if_further(found ? std::move(found) : at_end());
}

// The state of the only resumable node is wanted once: the next one is further. One of several may be wanted again, with another's that comes further, and
// so may what others begin an epoch with.
std::optional<RunStates> PendingStates::if_further(const std::optional<Found>& found) {
  if (!found || (given_ && !is_further(*given_, found->position))) return std::nullopt;
  given_ = found->position;
  RunStates run{found->position, {}};
  const bool is_only = std::count_if(nodes_.begin(), nodes_.end(), [](const Node& n) { return n.is_resumable; }) == 1;
  for (const auto& [node, state] : found->states)
    run.nodes.push_back(is_only && node->is_resumable ? std::move(*state) : *state);
  return run;
}

NodeState* PendingStates::ended(const Node& node, std::uint32_t epoch) {
  const auto states = ended_.find(node.name);
  if (states == ended_.end()) return nullptr;
  const auto state = states->second.find(epoch);
  return state == states->second.end() ? nullptr : &state->second;
}

bool PendingStates::add_beginning(const Node& node, std::uint32_t epoch, Found& found) {
  NodeState* const state = ended(node, epoch - 1);
  if (state != nullptr) found.states.emplace_back(&node, state);
  return state != nullptr || epoch == 1;
}

std::optional<PendingStates::Found> PendingStates::at_end() {
  Found found;
  for (const Node& node : nodes_) {
    NodeState* const state = ended(node, told_);
    if (state == nullptr) return std::nullopt;
    if (node.is_resumable || found.states.empty()) found.position = position_of(state->position, true);
    found.states.emplace_back(&node, state);
  }
  return found.states.empty() ? std::nullopt : std::optional(std::move(found));
}

NodeState* PendingStates::running(const Node& node, std::uint32_t epoch, bool may_have_ended) {
  NodeState* const end = ended(node, epoch);
  if (end != nullptr) return may_have_ended ? end : nullptr;
  const auto state = running_.find(node.name);
  return state == running_.end() || state->second.position.epoch != epoch ? nullptr : &state->second;
}

// Of several trainers the position is that of the one that has come least far.
std::optional<PendingStates::Found> PendingStates::in_epoch(bool may_have_ended) {
  Found found;
  const std::uint32_t epoch = told_ + 1;
  bool is_any_running = false;
  for (const Node& node : nodes_) {
    if (!node.is_resumable) {
      if (!add_beginning(node, epoch, found)) return std::nullopt;
      continue;
    }
    NodeState* const state = running(node, epoch, may_have_ended);
    if (state == nullptr) return std::nullopt;
    const CheckpointPosition at = position_of(state->position, false);
    if (!is_any_running || is_further(at, found.position)) found.position = at;
    is_any_running = true;
    found.states.emplace_back(&node, state);
  }
  return is_any_running ? std::optional(std::move(found)) : std::nullopt;
}

}  // namespace millrace::pipelines
