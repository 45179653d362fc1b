// The states of a run's stages as they come in, and which of them make a state of the whole run.
#pragma once

#include "run/report/state_sink.hpp"

#include <millrace/files/checkpoint.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {

/// A run at a position: what it goes on from.
struct RunStates {
  CheckpointPosition position;
  std::vector<NodeState> nodes;  ///< in the order of the graph
};

/// Not safe from several threads. Keeps at most the states of two epochs, and one of a running epoch, of each node.
///
/// A run at the end of epoch e, which has been told with all that was measured in it, is the states of all nodes at that end. In the middle of
/// an epoch it is those of the resumable nodes in it and of the others at the end of the epoch before, which they begin anew; all that was
/// measured before has been told.
class PendingStates {
 public:
  struct Node {
    std::string name;
    bool is_resumable = false;
  };
  /// Nodes that have a state at all. A run that goes on from a checkpoint begins with what was loaded, and does not give it again.
  PendingStates(std::vector<Node> nodes, std::uint32_t first_epoch, const std::vector<NodeState>& loaded = {});

  void take(NodeState state);
  /// Everything of `epoch` has been told. Epochs come in order.
  void told(std::uint32_t epoch);
  std::uint32_t last_told() const { return told_; }
  /// The end of the last epoch that was told, if it is whole and further than what this gave before.
  std::optional<RunStates> end();
  /// The furthest state of the whole run, if it is further than what this gave before.
  std::optional<RunStates> next();
  /// The same when nothing comes any more: also the end of an epoch of which not everything has been told, which is then told again.
  std::optional<RunStates> last();

 private:
  /// States of a run that are whole together, where they lie.
  struct Found {
    CheckpointPosition position;
    std::vector<std::pair<const Node*, NodeState*>> states;
  };
  std::optional<Found> at_end();
  /// `may_have_ended`: a node that has come to the end of the epoch counts as well.
  std::optional<Found> in_epoch(bool may_have_ended);
  NodeState* running(const Node& node, std::uint32_t epoch, bool may_have_ended);
  NodeState* ended(const Node& node, std::uint32_t epoch);
  /// Of a node that begins `epoch` anew. False where it has none yet, which in the first epoch is right.
  bool add_beginning(const Node& node, std::uint32_t epoch, Found& found);
  std::optional<RunStates> if_further(const std::optional<Found>& found);

  std::vector<Node> nodes_;
  std::uint32_t first_epoch_;
  std::uint32_t told_;                                               ///< the last epoch that was
  std::map<std::string, std::map<std::uint32_t, NodeState>> ended_;  ///< by node and epoch
  std::map<std::string, NodeState> running_;
  std::optional<CheckpointPosition> given_;
};

/// Whether a run at `b` has come further than one at `a`.
bool is_further(const CheckpointPosition& a, const CheckpointPosition& b);

}  // namespace millrace::pipelines
