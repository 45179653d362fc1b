// Keeps checkpoints of a run while it lasts: when one is taken, which states it is made of, and which files stay.
#pragma once

#include "checkpoint_writer.hpp"
#include "kept_nodes.hpp"
#include "pending_states.hpp"
#include "retention.hpp"

#include <millrace/metrics.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// When checkpoints are taken beside the end of each epoch and a stop, and which stay.
struct CheckpointPolicy {
  std::uint64_t every_batches = 0;        ///< 0: not by batches
  std::chrono::duration<double> every{};  ///< 0: not by time
  RetentionPolicy stay;
  SafetensorsMetadata metadata = {};  ///< what each of them says beside what the format says itself
  bool ends_run = false;              ///< the first that cannot be kept ends the run, in order
};

/// What a run that goes on has from before. Empty for one that begins.
struct KeptBefore {
  std::vector<NodeState> loaded;
  std::vector<StoredCheckpoint> files;  ///< the oldest first; they go as this run's own do
  std::vector<Metrics> epochs;
};

struct KeeperHooks {
  /// A checkpoint is on the disk and good; before any other is removed. On a thread of the keeper's; what it throws counts as a failure.
  /// False: another file of that position is there already and stays the one that counts.
  std::function<bool(const WrittenCheckpoint&)> written;
  /// Before a file is removed; throws when this process may not any more.
  std::function<void()> before_removal;
  /// A stage has given its state, which may become part of a checkpoint. On the stage's thread.
  std::function<void(const std::string& node, const StatePosition&)> taken = {};
  /// A checkpoint was not kept. Any thread.
  std::function<void(const Error&)> failed = {};
};

/// Takes states from any thread; its other members are called by one thread at a time.
class CheckpointKeeper final : public StateSink {
 public:
  /// `folder` is there. A graph of several ranks is kept at the ends of epochs only.
  CheckpointKeeper(const ValidatedGraph& graph, const std::string& folder, CheckpointPolicy policy, KeeperHooks hooks,
                   const KeptBefore& before = {});
  ~CheckpointKeeper() override;

  bool wants(const std::string& node, const StatePosition&) override;
  void take(NodeState state) override;
  void failed(const std::string& node, const StatePosition&, const std::string& why) override;

  /// The run has told everything of an epoch, and the record of it is on the disk.
  void epoch_told(const Metrics& metrics);
  /// Returns when nothing waits to be written.
  void wait() { writer_.finish(); }
  /// The run is over: writes where it stands, and waits until all is written.
  void finish();

  /// What went wrong so far, the first of it, and how often. Empty when nothing did.
  std::optional<Error> first_failure() const;
  std::uint64_t failures() const;

 private:
  void submit(std::optional<RunStates> state);
  void submit_next();
  void keep(const WrittenCheckpoint& written);
  void remove_superfluous();
  void count(const Error& error);

  std::vector<KeptNode> nodes_;
  std::string folder_;
  CheckpointPolicy policy_;
  KeeperHooks hooks_;
  bool takes_in_epoch_;
  mutable std::mutex mutex_;
  PendingStates pending_;
  std::map<std::string, std::chrono::steady_clock::time_point> last_wanted_;  ///< by node
  Retention retention_;
  std::optional<Error> first_failure_;
  std::uint64_t failures_ = 0;
  CheckpointWriter writer_;  ///< last: its thread uses the others
};

}  // namespace millrace::pipelines
