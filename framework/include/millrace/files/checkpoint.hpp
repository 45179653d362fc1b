// A checkpoint: where a run stands and what its stages know by then, as one file that Millrace goes on from and that numpy and torch read.
//
// The file is a safetensors file. A model's tensors are called as in the Sequential that torch would write for it, whose modules are dense
// layers, activations other than linear, and dropout: `N.weight` [out, in] and `N.bias` [out], both F32, for module N. Beside them:
//
//   optimizer.SLOT.N.weight  what the optimizer keeps beside each weight, in the weight's shape (optimizer_slots() has the names)
//   state.ENTRY              whatever else the trainer saves, U8
//   stage.NODE.ENTRY         what other stages save, U8
//
// A file of several trainers has the trainer's node and a dot in front of the first three. The metadata hold the number of the format, the
// position, the names of the nodes, each trainer's `weights_sha256` (as ModelSnapshot has it), and `sha256`: that of the whole file, its
// own 64 digits taken as zeros. What lies in the file is exact to the bit.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/files/safetensors.hpp>
#include <millrace/model.hpp>
#include <millrace/stage.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class InputFile;

/// What this release writes and reads; a file with another number is refused by name.
inline constexpr int kCheckpointFormat = 1;

/// Where a run stands.
struct CheckpointPosition {
  std::uint32_t epoch = 0;
  std::uint64_t batch = 0, row = 0;  ///< how many of that epoch the trainer has taken, over all ranks
  bool is_epoch_complete = false;  ///< the run goes on with epoch + 1: all of `epoch` has been told, its evaluation too

  bool operator==(const CheckpointPosition&) const = default;
};

/// A trainer at a position.
struct TrainerState {
  std::string node;
  std::shared_ptr<const ModelSpec> model;
  std::vector<std::string> slots;  ///< optimizer_slots() of its optimizer: names of "optimizer/0", "optimizer/1", ...
  /// What Stage::save has put: "weights" as in ModelSpec, "optimizer/I" with as many floats, and what else there is.
  StageState state;
};

struct Checkpoint {
  CheckpointPosition position;
  std::vector<TrainerState> trainers;
  std::map<std::string, StageState> stages = {};  ///< states of other nodes, by node
  SafetensorsMetadata metadata = {};              ///< whatever the run wants to say beside what the format says itself
};

/// A file that has been written.
struct CheckpointFile {
  std::uint64_t bytes = 0;
  std::string sha256;  ///< as its metadata say it
};

/// Writes the file by AtomicFile, in place of one of that name. Holds a second copy of all matrices meanwhile. The same checkpoint gives the
/// same bytes. Any thread. Throws what AtomicFile throws, and, before anything is written, Error of kind run: checkpoint-state (a state is
/// not of its model's size or has other slots), checkpoint-metadata (a key that is the format's, a node with a space in its name), and what write_safetensors refuses.
MILLRACE_EXPORT CheckpointFile write_checkpoint(const std::string& path, const Checkpoint& checkpoint);

/// What a checkpoint says of itself before any tensor is read.
struct CheckpointHeader {
  CheckpointPosition position;
  std::vector<std::string> trainers, stages;          ///< nodes that have a state in it
  SafetensorsMetadata metadata;                       ///< without what the format says itself
  std::string sha256;                                 ///< that the file should have
  std::map<std::string, std::string> weights_sha256;  ///< by trainer
  SafetensorsHeader tensors;
};

/// Reads the header alone. Throws Error of kind data: checkpoint-format (no checkpoint, or of another format), checkpoint-metadata, and what
/// read_safetensors_header throws.
MILLRACE_EXPORT CheckpointHeader read_checkpoint_header(InputFile& file);

/// A model that a checkpoint is read into.
struct CheckpointModel {
  std::string node;  ///< the trainer's in the file
  std::shared_ptr<const ModelSpec> model;
  std::optional<std::vector<std::string>> slots = {};  ///< of its optimizer; empty: whichever there are
};

/// The trainer that is called so; with an empty name, the only one. Throws Error(checkpoint-trainer, data), which names those that the file has.
MILLRACE_EXPORT std::string checkpoint_trainer(const CheckpointHeader& header, const std::string& node,
                                               const std::string& path);
/// Values a row that a trainer's model takes, from the shape of its first matrix. Throws Error(checkpoint-tensor, data) where it has none.
MILLRACE_EXPORT std::int64_t checkpoint_inputs(const CheckpointHeader& header, const std::string& trainer,
                                               const std::string& path);
/// Compares each tensor of a trainer with what the model has. `path` is for messages. Throws Error of kind data that names the tensor:
/// checkpoint-trainer, checkpoint-tensor (missing, or of another model), checkpoint-shape, checkpoint-dtype, checkpoint-optimizer.
MILLRACE_EXPORT void require_checkpoint_fits(const CheckpointHeader& header, const CheckpointModel& model,
                                             const std::string& path);

/// Reads all of it into the models of a graph, which must be those of its trainers; they come in the order of `models`. Throws Error of kind
/// data: what the two functions above throw; checkpoint-digest (any bit is not what was written), checkpoint-not-finite (a weight);
/// file-changed. Holds the largest tensor twice.
MILLRACE_EXPORT Checkpoint read_checkpoint(const std::string& path, std::span<const CheckpointModel> models);

/// The weights of one trainer, as of the epoch of its position. An empty node: the only trainer's. Throws as read_checkpoint.
MILLRACE_EXPORT std::shared_ptr<const ModelSnapshot> read_checkpoint_snapshot(
    const std::string& path, const std::string& node, const std::shared_ptr<const ModelSpec>& model, Loss loss);

}  // namespace millrace
