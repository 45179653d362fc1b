// One matrix at a time is turned, so that no second copy of all weights is held.
#include "nn/checkpoint/model_tensors.hpp"

#include <millrace/files/model_weights.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace millrace {

std::vector<std::size_t> module_numbers(const ModelSpec& model) { return nn::module_numbers(model); }

void for_each_weight(const ModelSnapshot& model, const std::function<void(const SafetensorsTensor&)>& take) {
  const std::span<const std::byte> flat = std::as_bytes(model.weights());
  for (const nn::ModelTensor& tensor : nn::model_tensors(model.model())) {
    const std::vector<std::byte> bytes = nn::to_file_order(tensor, flat);
    take({tensor.name, SafetensorsType::f32, tensor.shape, bytes});
  }
}

}  // namespace millrace
