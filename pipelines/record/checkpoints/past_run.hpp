// What the journal of a run says that has ended or was interrupted, and the checkpoint from which it goes on.
#pragma once

#include "kept_nodes.hpp"

#include <millrace/files/checkpoint.hpp>
#include <millrace/files/journal_damage.hpp>
#include <millrace/files/journal_line.hpp>
#include <millrace/files/kept_checkpoints.hpp>
#include <millrace/metrics.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Kinds of lines.
inline constexpr const char* kEpochLine =
    "epoch";  ///< all values of an epoch that has been told; beside kCheckpointLine

struct PastRun {
  std::vector<JournalLine> lines;           ///< in their order
  std::vector<Metrics> epochs;              ///< that have been told; their values by name
  std::vector<KeptCheckpoint> checkpoints;  ///< the oldest first, without those that were refused
  std::vector<std::string> refused;         ///< a sentence each
  std::optional<KeptCheckpoint> restored;   ///< weights alone, with which the run has ended
  std::optional<JournalDamage> damage;      ///< of the journal; what stands behind it is in none of the above
};

/// A journal that is not there, because the run ended before it could begin one, is one without lines. Throws what read_journal throws otherwise, and
/// journal-damaged: what it says is not all that it has said.
PastRun read_past_run(const std::string& journal);
/// The same as far as it goes, for who computes anew what stands behind a bad line; `refused` tells of that.
PastRun read_past_run_to_damage(const std::string& journal);

/// Throws what is wrong with it, of kind data: the journal lacks an epoch before it (journal-gap), it is not the journal's (checkpoint-foreign), and what
/// read_checkpoint throws.
Checkpoint read_kept(const KeptCheckpoint& kept, const PastRun& past, const std::string& folder,
                     const std::vector<CheckpointModel>& models);

/// Checkpoints of the journal whose files are there, where a run keeps them, the newest first; before them the weights that the run has restored
/// at its end. `folder`: the run's.
std::vector<KeptCheckpoint> stored_checkpoints(const PastRun& past, const std::string& folder);

/// Where a run goes on.
struct Resumption {
  std::uint32_t first_epoch = 1;
  std::uint32_t last_epoch = UINT32_MAX;    ///< where it had been decided that the run ends early
  std::vector<NodeState> states;            ///< empty: from its beginning
  std::vector<Metrics> epochs;              ///< of before
  std::vector<JournalLine> lines;           ///< that stay in the journal
  std::vector<KeptCheckpoint> checkpoints;  ///< that are there; the one that it goes on from is the last of them
  std::vector<std::string> refused;         ///< checkpoints that cannot be used, newest first: a sentence each
  std::optional<double> probe = {};         ///< of the step with which it goes on
};

/// From the newest checkpoint that is the one of the journal, by place, digest and position, with all epochs before it told, and that can be read into the
/// graph's models; what follows it in the journal has to be done again. `folder`: the
/// run's. With none that can be used the run goes on from its seed. Behind the last epoch it tells that one again.
/// A run of its own that goes on from there, `is_child`, decides for itself when it ends.
Resumption resumption_of(const PastRun& past, const std::string& folder, const ValidatedGraph& graph,
                         bool is_child = false);

}  // namespace millrace::pipelines
