// What is missing is told before what is too much: a model with fewer layers than the file has both, and it is the model's layer that one looks for.
#include "nn/checkpoint/trainer_tensors.hpp"

#include "nn/checkpoint/checkpoint_names.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <string_view>

namespace millrace::nn {
namespace {

using ByName = TrainerTensors::ByName;
using Part = TensorPlace::Part;

constexpr const char* kSameLayers =
    "write the layers that it was trained with: `[out, in]` of each matrix is in the file";

std::string shape_text(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

void require_same(const ModelTensor& wanted, const SafetensorsEntry& found, const std::string& path) {
  if (found.type != SafetensorsType::f32)
    throw Error(ErrorKind::data, "checkpoint-dtype",
                fmt::format("`{}` of {} is {}, weights are F32", found.name, path, to_string(found.type)),
                "take a checkpoint that Millrace has written, or write the tensor as float32");
  if (found.shape != wanted.shape)
    throw Error(ErrorKind::data, "checkpoint-shape",
                fmt::format("`{}` of {} is {}, the model has {} there", found.name, path, shape_text(found.shape),
                            shape_text(wanted.shape)),
                kSameLayers);
}

/// `place` is that of the model's tensors, but for their names.
void require_all(const std::vector<ModelTensor>& wanted, const ByName& found, TensorPlace place,
                 const CheckpointNames& names, const std::string& path) {
  std::set<std::string_view> known;
  for (const ModelTensor& tensor : wanted) {
    known.insert(tensor.name);
    place.name = tensor.name;
    const auto at = found.find(tensor.name);
    if (at == found.end())
      throw Error(
          ErrorKind::data, "checkpoint-tensor",
          fmt::format("{} has no `{}`, the model has {} there", path, names.of(place), shape_text(tensor.shape)),
          kSameLayers);
    require_same(tensor, *at->second, path);
  }
  for (const auto& [name, entry] : found)
    if (!known.contains(name))
      throw Error(ErrorKind::data, "checkpoint-tensor",
                  fmt::format("{} has `{}` {}, which the model has not", path, entry->name, shape_text(entry->shape)),
                  kSameLayers);
}

std::string names_text(const std::vector<std::string>& slots) {
  return slots.empty() ? "nothing" : fmt::format("`{}`", fmt::join(slots, "`, `"));
}

void require_slots(const TrainerTensors& found, const CheckpointModel& model, const std::string& path) {
  std::vector<std::string> kept;
  for (const auto& [slot, tensors] : found.slots) kept.push_back(slot);
  if (!model.slots || *model.slots == kept) return;
  throw Error(ErrorKind::data, "checkpoint-optimizer",
              fmt::format("in {} the optimizer of `{}` keeps {} beside each weight, the one in the config keeps {}",
                          path, model.node, names_text(kept), names_text(*model.slots)),
              "go on with the optimizer that it was trained with, or begin a new run with its weights");
}

}  // namespace

TrainerTensors::TrainerTensors(const CheckpointHeader& header, const std::string& trainer) {
  const CheckpointNames names(header.trainers, header.stages);
  std::map<std::string, std::size_t> slot_places;
  const auto slot_named = [&](const std::string& slot) -> ByName& {
    const auto [place, is_new] = slot_places.emplace(slot, slots.size());
    if (is_new) slots.emplace_back(slot, ByName());
    return slots[place->second].second;
  };
  for (const SafetensorsEntry& entry : header.tensors.tensors) {
    const auto place = names.place_of(entry.name);
    if (!place || place->part == Part::stage || place->node != trainer) continue;
    ByName& by_name = place->part == Part::weight ? weights
                      : place->part == Part::slot ? slot_named(place->slot)
                                                  : state;
    by_name.emplace(place->name, &entry);
  }
}

void require_fits(const TrainerTensors& found, const CheckpointHeader& header, const CheckpointModel& model,
                  const std::string& path) {
  const CheckpointNames names(header.trainers, header.stages);
  const std::vector<ModelTensor> wanted = model_tensors(*model.model);
  require_all(wanted, found.weights, {Part::weight, model.node, {}, {}}, names, path);
  require_slots(found, model, path);
  for (const auto& [slot, tensors] : found.slots)
    require_all(wanted, tensors, {Part::slot, model.node, slot, {}}, names, path);
}

}  // namespace millrace::nn
