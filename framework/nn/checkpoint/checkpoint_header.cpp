// Everything that can be told of a checkpoint from its header, in milliseconds whatever the size of the model: `check` looks no further.
#include "nn/checkpoint/checkpoint_metadata.hpp"
#include "nn/checkpoint/trainer_tensors.hpp"

#include <millrace/error.hpp>
#include <millrace/files/checkpoint.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace millrace {
namespace {

/// The module that a matrix belongs to; -1 for other tensors.
std::int64_t module_of_matrix(const std::string& name, const SafetensorsEntry& entry) {
  std::int64_t module = -1;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data(), end, module);
  const bool is_matrix =
      error == std::errc() && std::string_view(rest, static_cast<std::size_t>(end - rest)) == ".weight";
  return is_matrix && entry.shape.size() == 2 ? module : -1;
}

Error trainer_error(const CheckpointHeader& header, const std::string& message) {
  return {ErrorKind::data, "checkpoint-trainer", message,
          header.trainers.empty() ? "take a checkpoint of a run that has a trainer"
                                  : fmt::format("name one of its trainers: {}", fmt::join(header.trainers, ", "))};
}

}  // namespace

CheckpointHeader read_checkpoint_header(InputFile& file) {
  return nn::header_of(read_safetensors_header(file), file.path());
}

std::string checkpoint_trainer(const CheckpointHeader& header, const std::string& node, const std::string& path) {
  const std::vector<std::string>& trainers = header.trainers;
  if (node.empty() && trainers.size() == 1) return trainers.front();
  if (node.empty())
    throw trainer_error(header, fmt::format("{} has {} trainers, and none is named", path, trainers.size()));
  if (std::find(trainers.begin(), trainers.end(), node) != trainers.end()) return node;
  throw trainer_error(header, fmt::format("{} has no trainer `{}`", path, node));
}

std::int64_t checkpoint_inputs(const CheckpointHeader& header, const std::string& trainer, const std::string& path) {
  std::int64_t first = INT64_MAX, inputs = 0;
  for (const auto& [name, entry] : nn::TrainerTensors(header, trainer).weights) {
    const std::int64_t module = module_of_matrix(name, *entry);
    if (module < 0 || module > first) continue;
    first = module;
    inputs = entry->shape[1];
  }
  if (first == INT64_MAX)
    throw Error(ErrorKind::data, "checkpoint-tensor", fmt::format("{} has no matrix of `{}`", path, trainer),
                "take another checkpoint: this one was changed or is damaged");
  return inputs;
}

void require_checkpoint_fits(const CheckpointHeader& header, const CheckpointModel& model, const std::string& path) {
  checkpoint_trainer(header, model.node, path);
  nn::require_fits(nn::TrainerTensors(header, model.node), header, model, path);
}

}  // namespace millrace
