// Who takes copies of the states of stages while a run lasts, so that another run can go on from them.
#pragma once

#include <millrace/stage.hpp>

#include <cstdint>
#include <string>

namespace millrace::pipelines {

/// How far into an epoch a stage has come.
struct StatePosition {
  std::uint32_t epoch = 0;
  std::uint64_t batch = 0;    ///< batches of the epoch that it has taken; 0 where its input is not cut into batches
  std::uint64_t row = 0;      ///< rows of the epoch that it has taken
  bool is_epoch_end = false;  ///< the whole epoch
};

/// A copy of a stage's state at a position.
struct NodeState {
  std::string node;
  StatePosition position;
  StageState state;
  std::string rows = {};  ///< the account of the rows that it has taken of that epoch; empty for nodes without one
  std::uint32_t last_epoch = UINT32_MAX;  ///< the run's, as it was decided when the state was taken
};

/// Any thread; for one node never two calls at once. A call is made between two batches of the node, which waits for it, so it must not
/// wait for a disk.
class StateSink {
 public:
  virtual ~StateSink() = default;
  /// Whether the state of a StateKind::resumable stage is wanted in the middle of an epoch. Asked after each batch.
  virtual bool wants(const std::string& node, const StatePosition&) = 0;
  /// At the end of each epoch, where it was wanted, and of resumable stages once more when the run ends before its last epoch does.
  virtual void take(NodeState) = 0;
  /// The state of `node` could not be taken.
  virtual void failed(const std::string& node, const StatePosition&, const std::string& why) = 0;
};

}  // namespace millrace::pipelines
