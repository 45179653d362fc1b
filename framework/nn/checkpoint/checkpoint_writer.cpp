// The file is laid out twice: once for its digest, with zeros where that will stand, then for good.
#include "nn/checkpoint/checkpoint_metadata.hpp"
#include "nn/checkpoint/checkpoint_names.hpp"
#include "nn/checkpoint/model_tensors.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/digest.hpp>
#include <millrace/error.hpp>
#include <millrace/files/atomic_file.hpp>
#include <millrace/files/checkpoint.hpp>

#include <fmt/format.h>

#include <deque>
#include <utility>

namespace millrace {
namespace {

using nn::ModelTensor;
using nn::TensorPlace;
using Part = TensorPlace::Part;

bool is_tensor_entry(std::string_view entry) {
  return entry == nn::kWeightsEntry || entry.starts_with(nn::kSlotEntries);
}

void require_size(const TrainerState& trainer, const std::string& entry, std::size_t bytes) {
  const std::size_t needed = static_cast<std::size_t>(trainer.model->parameters()) * sizeof(float);
  if (bytes == needed) return;
  throw Error(
      ErrorKind::run, "checkpoint-state",
      fmt::format("`{}` of `{}` has {}, its model needs {}", entry, trainer.node, counted(bytes, "byte"), needed),
      "give the state of a trainer the model that it trains");
}

/// The tensors of a checkpoint, in the order of the file. Those that lie otherwise in memory are kept here.
class Tensors {
 public:
  explicit Tensors(const Checkpoint& checkpoint)
      : trainers_(nn::trainers_of(checkpoint)), stages_(nn::stages_of(checkpoint)), names_(trainers_, stages_) {
    for (const TrainerState& trainer : checkpoint.trainers) add_trainer(trainer);
    for (const auto& [node, state] : checkpoint.stages)
      for (const auto& [entry, bytes] : state.entries()) add_bytes({Part::stage, node, {}, entry}, bytes);
  }
  Tensors(const Tensors&) = delete;
  Tensors& operator=(const Tensors&) = delete;

  std::span<const SafetensorsTensor> all() const { return tensors_; }

 private:
  void add_trainer(const TrainerState& trainer) {
    require_slots(trainer);
    const std::vector<ModelTensor> tensors = nn::model_tensors(*trainer.model);
    add_floats({Part::weight, trainer.node, {}, {}}, tensors, trainer, std::string(nn::kWeightsEntry));
    for (std::size_t i = 0; i < trainer.slots.size(); ++i)
      add_floats({Part::slot, trainer.node, trainer.slots[i], {}}, tensors, trainer, nn::slot_entry(i));
    for (const auto& [entry, bytes] : trainer.state.entries())
      if (!is_tensor_entry(entry)) add_bytes({Part::state, trainer.node, {}, entry}, bytes);
  }

  static void require_slots(const TrainerState& trainer) {
    std::size_t kept = 0;
    for (const auto& [entry, bytes] : trainer.state.entries()) kept += entry.starts_with(nn::kSlotEntries) ? 1 : 0;
    if (kept != trainer.slots.size())
      throw Error(ErrorKind::run, "checkpoint-state",
                  fmt::format("`{}` has saved {} of its optimizer, {} named", trainer.node, counted(kept, "part"),
                              trainer.slots.size() == 1 ? "1 is" : fmt::format("{} are", trainer.slots.size())),
                  "give the state of a trainer the names that optimizer_slots() has for its optimizer");
  }

  void add_floats(TensorPlace place, const std::vector<ModelTensor>& tensors, const TrainerState& trainer,
                  const std::string& entry) {
    const std::span<const std::byte> flat = trainer.state.get(entry);
    require_size(trainer, entry, flat.size());
    for (const ModelTensor& tensor : tensors) {
      turned_.push_back(nn::to_file_order(tensor, flat));
      place.name = tensor.name;
      tensors_.push_back({names_.of(place), SafetensorsType::f32, tensor.shape, turned_.back()});
    }
  }

  void add_bytes(const TensorPlace& place, std::span<const std::byte> bytes) {
    tensors_.push_back({names_.of(place), SafetensorsType::u8, {static_cast<std::int64_t>(bytes.size())}, bytes});
  }

  std::vector<std::string> trainers_, stages_;
  nn::CheckpointNames names_;
  std::vector<SafetensorsTensor> tensors_;
  std::deque<std::vector<std::byte>> turned_;
};

}  // namespace

CheckpointFile write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  const Tensors tensors(checkpoint);
  SafetensorsMetadata metadata = nn::metadata_of(checkpoint);
  CheckpointFile written;
  Sha256 digest;
  write_safetensors(tensors.all(), metadata, [&](std::span<const std::byte> bytes) {
    digest.update(bytes);
    written.bytes += bytes.size();
  });
  metadata[nn::kSha256Key] = written.sha256 = digest.finish();
  AtomicFile file(path);
  write_safetensors(tensors.all(), metadata, [&](std::span<const std::byte> bytes) { file.write(bytes); });
  file.replace();
  return written;
}

}  // namespace millrace
