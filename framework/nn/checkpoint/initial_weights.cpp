// A file of another program has no metadata of ours, so that names and shapes are all there is to go by.
#include <millrace/files/initial_weights.hpp>

#include "nn/checkpoint/model_tensors.hpp"

#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

namespace millrace {
namespace {

using nn::ModelTensor;

std::size_t layer_of(const ModelTensor& tensor) {
  std::size_t number = 0;
  std::from_chars(tensor.name.data(), tensor.name.data() + tensor.name.size(), number);
  return number;
}

std::string shape_text(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::string why_unfit(const ModelTensor& wanted, const SafetensorsEntry* found) {
  if (found == nullptr) return fmt::format("there is no `{}`", wanted.name);
  if (found->type != SafetensorsType::f32)
    return fmt::format("`{}` is {}, weights are F32", wanted.name, to_string(found->type));
  if (found->shape != wanted.shape)
    return fmt::format("`{}` is {}, the model has {} there", wanted.name, shape_text(found->shape),
                       shape_text(wanted.shape));
  return {};
}

void require_finite(const std::vector<std::byte>& values, const std::string& tensor, const std::string& path) {
  for (std::size_t at = 0; at < values.size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, values.data() + at, sizeof value);
    if (!std::isfinite(value))
      throw Error(ErrorKind::data, "checkpoint-not-finite",
                  fmt::format("a weight of `{}` of {} is not finite", tensor, path), "take another file");
  }
}

}  // namespace

LayerMatches match_layers(const SafetensorsHeader& file, const ModelSpec& model) {
  LayerMatches matches;
  for (const ModelTensor& tensor : nn::model_tensors(model))
    if (std::string& why_not = matches[layer_of(tensor)]; why_not.empty())
      why_not = why_unfit(tensor, file.find(tensor.name));
  return matches;
}

void read_layers(const std::string& path, const ModelSpec& model, std::span<std::byte> weights) {
  InputFile file(path);
  const SafetensorsHeader header = read_safetensors_header(file);
  const LayerMatches matches = match_layers(header, model);
  for (const ModelTensor& tensor : nn::model_tensors(model)) {
    if (!matches.at(layer_of(tensor)).empty()) continue;
    std::vector<std::byte> values(tensor.values * sizeof(float));
    read_safetensors_tensor(file, *header.find(tensor.name), 0, values);
    require_finite(values, tensor.name, path);
    nn::from_file_order(tensor, values, weights);
  }
  file.check_unchanged();
}

}  // namespace millrace
