// The checkpoints that a run keeps: what their files are called, how its journal names them, and which of them are there. For who goes on with a run and
// for who uses its model.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/files/checkpoint.hpp>
#include <millrace/files/journal_line.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace {

/// Parts of a run's folder.
inline constexpr const char *kRunJournal = "metrics.jsonl", *kRunAttempts = "attempts",
                            *kRunCheckpoints = "checkpoints";  ///< of an attempt
/// The kind of a line about a checkpoint that was good when it had been written.
inline constexpr const char* kCheckpointLine = "checkpoint";
/// Of one that the run went on from and then came to another result than before: it is not taken again.
inline constexpr const char* kRefusedLine = "refused";
/// Of the weights that a run has ended with, which are not its last.
inline constexpr const char* kRestoredLine = "restored";

/// A checkpoint as the journal has it.
struct KeptCheckpoint {
  CheckpointPosition position;
  std::string path;          ///< from the run's folder on
  std::string sha256 = {};   ///< as the journal has it
  bool is_restored = false;  ///< weights alone, with which the run has ended, and from which none goes on
};

/// The epoch with which a run goes on.
MILLRACE_EXPORT std::uint32_t next_epoch(const CheckpointPosition& position);
/// "epoch-0003.safetensors" for the end of an epoch, "epoch-0003-batch-000937.safetensors" in the middle of one.
MILLRACE_EXPORT std::string checkpoint_name(const CheckpointPosition& position);
/// What the weights that a run has ended with are called beside them.
inline constexpr const char* kRestoredFile = "restored.safetensors";

/// Its position is that with which the run goes on: the end of epoch 3 is the beginning of epoch 4. Its kind is kRestoredLine for restored weights.
MILLRACE_EXPORT JournalLine checkpoint_line(std::int64_t attempt, const KeptCheckpoint& kept,
                                            const CheckpointFile& file);
MILLRACE_EXPORT JournalLine refused_line(std::int64_t attempt, const KeptCheckpoint& kept);
/// Of both lines, and of what else is told of a checkpoint.
MILLRACE_EXPORT JournalPosition line_position(const CheckpointPosition& position);
/// Adds the checkpoint that a line tells of to those before it, and takes away the one that a line refuses. Returns the path of that one.
MILLRACE_EXPORT std::optional<std::string> note_checkpoint(const JournalLine& line, std::vector<KeptCheckpoint>& kept);
/// What a line of a checkpoint says.
MILLRACE_EXPORT KeptCheckpoint kept_checkpoint_of(const JournalLine& line);

/// Whether its path is one that a run writes to: a journal may come from anybody, and what it names is read and removed.
MILLRACE_EXPORT bool is_own_place(const KeptCheckpoint& kept);
/// Why it is not even looked at: it lies in no such place, or is not there. Empty for one that is. `folder`: the run's.
MILLRACE_EXPORT std::string why_not_stored(const KeptCheckpoint& kept, const std::string& folder);
/// Those that are there, the newest first. `kept`: the oldest first.
MILLRACE_EXPORT std::vector<KeptCheckpoint> stored_newest_first(const std::vector<KeptCheckpoint>& kept,
                                                                const std::string& folder);
/// The same from the journal in the run's folder; a run that has none keeps none. Throws what read_journal throws, and journal-damaged.
MILLRACE_EXPORT std::vector<KeptCheckpoint> stored_newest_first(const std::string& folder);

/// Reads it as read_checkpoint does. Throws as that does, and Error(checkpoint-foreign, data) where the file is another than the journal tells of.
MILLRACE_EXPORT Checkpoint read_kept_checkpoint(const KeptCheckpoint& kept, const std::string& folder,
                                                std::span<const CheckpointModel> models);

/// The first of them whose path `read` takes. What it throws of kind data is a sentence in `refused`, and the next is tried; all else passes.
MILLRACE_EXPORT std::optional<KeptCheckpoint> first_usable(const std::vector<KeptCheckpoint>& checkpoints,
                                                           const std::string& folder,
                                                           const std::function<void(const std::string& path)>& read,
                                                           std::vector<std::string>& refused);

}  // namespace millrace
