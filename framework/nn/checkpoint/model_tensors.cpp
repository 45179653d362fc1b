// Matrices are turned in squares: whole rows of one side would touch a new cache line for each value of the other.
#include "nn/checkpoint/model_tensors.hpp"

#include <algorithm>
#include <cstring>

namespace millrace::nn {
namespace {

constexpr std::size_t kFloatBytes = sizeof(float);
constexpr std::size_t kSquare = 32;

std::string module_name(std::size_t module, const char* what) { return std::to_string(module) + "." + what; }

/// `from` [rows, columns] to `to` [columns, rows].
void transpose(const std::byte* from, std::size_t rows, std::size_t columns, std::byte* to) {
  for (std::size_t top = 0; top < rows; top += kSquare)
    for (std::size_t left = 0; left < columns; left += kSquare)
      for (std::size_t j = left; j < std::min(left + kSquare, columns); ++j)
        for (std::size_t i = top; i < std::min(top + kSquare, rows); ++i)
          std::memcpy(to + (j * rows + i) * kFloatBytes, from + (i * columns + j) * kFloatBytes, kFloatBytes);
}

}  // namespace

std::vector<std::size_t> module_numbers(const ModelSpec& model) {
  std::vector<std::size_t> numbers;
  std::size_t next = 0;
  for (const LayerSpec& layer : model.layers) {
    numbers.push_back(next++);
    if (layer.kind == LayerKind::dense && layer.activation != Activation::linear) ++next;
  }
  return numbers;
}

std::vector<ModelTensor> model_tensors(const ModelSpec& model) {
  std::vector<ModelTensor> tensors;
  const std::vector<std::size_t> modules = module_numbers(model);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerSpec& layer = model.layers[i];
    const std::size_t at = modules[i];
    if (layer.kind == LayerKind::dropout) continue;
    tensors.push_back({module_name(at, "weight"),
                       {layer.outputs, layer.inputs},
                       static_cast<std::size_t>(layer.kernel_offset),
                       static_cast<std::size_t>(layer.inputs * layer.outputs)});
    if (layer.use_bias)
      tensors.push_back({module_name(at, "bias"),
                         {layer.outputs},
                         static_cast<std::size_t>(layer.bias_offset),
                         static_cast<std::size_t>(layer.outputs)});
  }
  return tensors;
}

std::vector<std::byte> to_file_order(const ModelTensor& tensor, std::span<const std::byte> flat) {
  const std::byte* from = flat.data() + tensor.offset * kFloatBytes;
  std::vector<std::byte> bytes(tensor.values * kFloatBytes);
  if (tensor.is_matrix())
    transpose(from, static_cast<std::size_t>(tensor.shape[1]), static_cast<std::size_t>(tensor.shape[0]), bytes.data());
  else
    std::copy_n(from, bytes.size(), bytes.begin());
  return bytes;
}

void from_file_order(const ModelTensor& tensor, std::span<const std::byte> file, std::span<std::byte> flat) {
  std::byte* to = flat.data() + tensor.offset * kFloatBytes;
  if (tensor.is_matrix())
    transpose(file.data(), static_cast<std::size_t>(tensor.shape[0]), static_cast<std::size_t>(tensor.shape[1]), to);
  else
    std::copy(file.begin(), file.end(), to);
}

}  // namespace millrace::nn
