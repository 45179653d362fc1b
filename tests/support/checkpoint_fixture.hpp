// Models with states, and the checkpoints of them.
#pragma once

#include "catch.hpp"
#include "temp_folder.hpp"

#include <millrace/files/checkpoint.hpp>
#include <millrace/input_file.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace millrace::testing {

inline LayerSpec dense_layer(std::int64_t inputs, std::int64_t outputs, Activation activation, std::int64_t offset,
                             bool use_bias = true) {
  LayerSpec layer;
  layer.inputs = inputs;
  layer.outputs = outputs;
  layer.activation = activation;
  layer.use_bias = use_bias;
  layer.kernel_offset = offset;
  layer.bias_offset = offset + inputs * outputs;
  return layer;
}

inline LayerSpec dropout_layer(std::int64_t width, std::int64_t offset) {
  LayerSpec layer;
  layer.kind = LayerKind::dropout;
  layer.inputs = layer.outputs = width;
  layer.rate = 0.5F;
  layer.kernel_offset = layer.bias_offset = offset;
  return layer;
}

/// 2 -> 3 (relu) -> dropout -> 1 without bias: torch's modules 0 and 1, 2, 3. 12 weights.
inline std::shared_ptr<const ModelSpec> small_model() {
  return std::make_shared<const ModelSpec>(ModelSpec{
      2,
      {dense_layer(2, 3, Activation::relu, 0), dropout_layer(3, 9), dense_layer(3, 1, Activation::linear, 9, false)}});
}

inline void put_floats(StageState& state, const std::string& entry, const std::vector<float>& values) {
  state.put(entry, std::as_bytes(std::span(values)));
}

inline std::vector<float> counting(std::size_t count, float from) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), from);
  return values;
}

/// Weights 1, 2, ...; slot i holds 100 (i + 1), 100 (i + 1) + 1, ...
inline TrainerState trainer_state(const std::string& node, const std::shared_ptr<const ModelSpec>& model,
                                  const std::vector<std::string>& slots) {
  TrainerState trainer{node, model, slots, {}};
  const auto count = static_cast<std::size_t>(model->parameters());
  put_floats(trainer.state, "weights", counting(count, 1));
  for (std::size_t i = 0; i < slots.size(); ++i)
    put_floats(trainer.state, "optimizer/" + std::to_string(i), counting(count, 100.0F * static_cast<float>(i + 1)));
  const std::uint64_t steps = 77;
  trainer.state.put("steps", std::as_bytes(std::span(&steps, 1)));
  return trainer;
}

inline Checkpoint small_checkpoint() {
  Checkpoint checkpoint{{3, 5, 640, false}, {trainer_state("learn", small_model(), {"mean", "mean_square"})}};
  checkpoint.stages["standardize"].put("sums", std::as_bytes(std::span("abc", 3)));
  checkpoint.stages["standardize"].put("of/columns", {});
  checkpoint.stages["empty"];
  checkpoint.metadata = {{"bits_class", "b1"}, {"config", "0123"}};
  return checkpoint;
}

inline CheckpointModel model_of(const TrainerState& trainer) { return {trainer.node, trainer.model, trainer.slots}; }

inline Checkpoint read_back(const std::string& path, const Checkpoint& written) {
  std::vector<CheckpointModel> models;
  for (const TrainerState& trainer : written.trainers) models.push_back(model_of(trainer));
  return read_checkpoint(path, models);
}

inline std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The values of a tensor of the file as they lie there.
template <class T>
std::vector<T> values_of(const std::string& path, const std::string& tensor) {
  InputFile file(path);
  const SafetensorsHeader header = read_safetensors_header(file);
  const SafetensorsEntry* entry = header.find(tensor);
  REQUIRE(entry != nullptr);
  std::vector<T> values(entry->bytes / sizeof(T));
  read_safetensors_tensor(file, *entry, 0, std::as_writable_bytes(std::span(values)));
  return values;
}

inline std::vector<std::string> tensors_of(const std::string& path) {
  InputFile file(path);
  std::vector<std::string> names;
  for (const SafetensorsEntry& entry : read_safetensors_header(file).tensors) names.push_back(entry.name);
  return names;
}

}  // namespace millrace::testing
