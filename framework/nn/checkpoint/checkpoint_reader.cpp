// The digest is compared first, over the whole file: what is wrong with a tensor behind it is then so since the file was written. Reading twice
// costs little, for the second time comes from memory, and nothing is held that is not wanted.
#include "nn/checkpoint/checkpoint_digest.hpp"
#include "nn/checkpoint/checkpoint_names.hpp"
#include "nn/checkpoint/trainer_tensors.hpp"

#include <millrace/digest.hpp>
#include <millrace/error.hpp>
#include <millrace/files/checkpoint.hpp>
#include <millrace/files/kept_checkpoints.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace millrace {
namespace {

using nn::ModelTensor;
using nn::TensorPlace;
using nn::TrainerTensors;

constexpr const char* kTakeAnother = "take another checkpoint, such as the one before";

Error changed_since(const std::string& path, const std::string& what) {
  return {ErrorKind::data, "checkpoint-digest", fmt::format("{} is not as it was written: {}", path, what),
          kTakeAnother};
}

/// A checkpoint that is open; its digest has been compared.
class OpenCheckpoint {
 public:
  explicit OpenCheckpoint(const std::string& path) : file_(path), header_(read_checkpoint_header(file_)) {
    const std::string found = nn::checkpoint_digest(file_, header_.sha256);
    if (found != header_.sha256)
      throw changed_since(path, fmt::format("its SHA-256 is {}, noted is {}", found, header_.sha256));
  }

  const CheckpointHeader& header() const { return header_; }
  const std::string& path() const { return file_.path(); }

  std::vector<float> weights(const TrainerTensors& found, const CheckpointModel& model) {
    std::vector<float> flat = floats(found.weights, *model.model, true);
    if (sha256_hex(std::as_bytes(std::span(flat))) != header_.weights_sha256.at(model.node))
      throw changed_since(path(), fmt::format("the weights of `{}` have another SHA-256 than noted", model.node));
    return flat;
  }

  TrainerState trainer(const CheckpointModel& model) {
    const TrainerTensors found = fitting(model);
    TrainerState trainer{model.node, model.model, {}, {}};
    put(trainer.state, std::string(nn::kWeightsEntry), weights(found, model));
    for (const auto& [slot, tensors] : found.slots) {
      put(trainer.state, nn::slot_entry(trainer.slots.size()), floats(tensors, *model.model, false));
      trainer.slots.push_back(slot);
    }
    for (const auto& [entry, tensor] : found.state) trainer.state.put(entry, bytes(*tensor));
    return trainer;
  }

  TrainerTensors fitting(const CheckpointModel& model) const {
    checkpoint_trainer(header_, model.node, path());
    TrainerTensors found(header_, model.node);
    nn::require_fits(found, header_, model, path());
    return found;
  }

  /// The bytes of a stage's entry.
  std::vector<std::byte> bytes(const SafetensorsEntry& tensor) {
    if (tensor.type == SafetensorsType::u8) return raw(tensor);
    throw Error(ErrorKind::data, "checkpoint-dtype",
                fmt::format("`{}` of {} is {}, states are U8", tensor.name, path(), to_string(tensor.type)),
                kTakeAnother);
  }

  void check_unchanged() const { file_.check_unchanged(); }

 private:
  std::vector<std::byte> raw(const SafetensorsEntry& tensor) {
    std::vector<std::byte> bytes(tensor.bytes);
    read_safetensors_tensor(file_, tensor, 0, bytes);
    return bytes;
  }

  std::vector<float> floats(const TrainerTensors::ByName& found, const ModelSpec& model, bool must_be_finite) {
    std::vector<float> flat(static_cast<std::size_t>(model.parameters()));
    for (const ModelTensor& tensor : nn::model_tensors(model)) {
      const SafetensorsEntry& entry = *found.at(tensor.name);
      const std::vector<std::byte> values = raw(entry);
      if (must_be_finite) require_finite(entry, values);
      nn::from_file_order(tensor, values, std::as_writable_bytes(std::span(flat)));
    }
    return flat;
  }

  static void put(StageState& state, std::string entry, const std::vector<float>& values) {
    state.put(std::move(entry), std::as_bytes(std::span(values)));
  }

  void require_finite(const SafetensorsEntry& tensor, std::span<const std::byte> bytes) const {
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, bytes.data() + at, sizeof value);
      if (std::isfinite(value)) continue;
      throw Error(ErrorKind::data, "checkpoint-not-finite",
                  fmt::format("a weight of `{}` of {} is not finite", tensor.name, path()),
                  "the training had diverged when it was written: take an earlier checkpoint");
    }
  }

  InputFile file_;
  CheckpointHeader header_;
};

void require_models(const CheckpointHeader& header, std::span<const CheckpointModel> models, const std::string& path) {
  for (const std::string& trainer : header.trainers)
    if (std::none_of(models.begin(), models.end(), [&](const CheckpointModel& model) { return model.node == trainer; }))
      throw Error(ErrorKind::data, "checkpoint-trainer",
                  fmt::format("{} has a trainer `{}`, which the graph has not", path, trainer),
                  "use the config that it was written by");
}

std::map<std::string, StageState> stages_of(OpenCheckpoint& checkpoint) {
  const CheckpointHeader& header = checkpoint.header();
  const nn::CheckpointNames names(header.trainers, header.stages);
  std::map<std::string, StageState> stages;
  for (const std::string& node : header.stages) stages.try_emplace(node);
  for (const SafetensorsEntry& tensor : header.tensors.tensors) {
    const auto place = names.place_of(tensor.name);
    if (!place)
      throw Error(ErrorKind::data, "checkpoint-tensor",
                  fmt::format("{} has `{}`, which is of none of its nodes", checkpoint.path(), tensor.name),
                  kTakeAnother);
    if (place->part == TensorPlace::Part::stage) stages[place->node].put(place->name, checkpoint.bytes(tensor));
  }
  return stages;
}

Checkpoint all_of(OpenCheckpoint& file, std::span<const CheckpointModel> models) {
  require_models(file.header(), models, file.path());
  Checkpoint checkpoint{file.header().position, {}, {}, file.header().metadata};
  for (const CheckpointModel& model : models) checkpoint.trainers.push_back(file.trainer(model));
  checkpoint.stages = stages_of(file);
  file.check_unchanged();
  return checkpoint;
}

}  // namespace

Checkpoint read_checkpoint(const std::string& path, std::span<const CheckpointModel> models) {
  OpenCheckpoint file(path);
  return all_of(file, models);
}

Checkpoint read_kept_checkpoint(const KeptCheckpoint& kept, const std::string& folder,
                                std::span<const CheckpointModel> models) {
  OpenCheckpoint file(folder + "/" + kept.path);
  Checkpoint checkpoint = all_of(file, models);
  if (file.header().sha256 == kept.sha256 && checkpoint.position == kept.position) return checkpoint;
  throw Error(ErrorKind::data, "checkpoint-foreign",
              fmt::format("{} is not the file that the journal tells of", file.path()));
}

std::shared_ptr<const ModelSnapshot> read_checkpoint_snapshot(const std::string& path, const std::string& node,
                                                              const std::shared_ptr<const ModelSpec>& model,
                                                              Loss loss) {
  OpenCheckpoint file(path);
  const CheckpointModel wanted{checkpoint_trainer(file.header(), node, path), model};
  std::vector<float> weights = file.weights(file.fitting(wanted), wanted);
  file.check_unchanged();
  return std::make_shared<const ModelSnapshot>(model, loss, file.header().position.epoch, std::move(weights));
}

}  // namespace millrace
