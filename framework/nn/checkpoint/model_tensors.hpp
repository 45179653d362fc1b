// The weights of a model as tensors of a file: which there are, how they are called, and their order of values.
#pragma once

#include <millrace/model.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace millrace::nn {

/// A matrix or bias: where it lies in the flat buffer of a ModelSpec, and its shape in a file.
struct ModelTensor {
  std::string name;                 ///< "2.weight"
  std::vector<std::int64_t> shape;  ///< [out, in] of a matrix, [out] of a bias
  std::size_t offset = 0, values = 0;

  bool is_matrix() const { return shape.size() == 2; }
};

/// As millrace::module_numbers.
std::vector<std::size_t> module_numbers(const ModelSpec& model);

/// In the order of the layers, each one's matrix first. Modules are counted as torch's Sequential would count them.
std::vector<ModelTensor> model_tensors(const ModelSpec& model);

/// The float32 values of a tensor as they lie in a file, from a flat buffer of all weights; no value is looked at, so that every bit stays.
std::vector<std::byte> to_file_order(const ModelTensor& tensor, std::span<const std::byte> flat);
/// The other way round: `file` has tensor.values floats.
void from_file_order(const ModelTensor& tensor, std::span<const std::byte> file, std::span<std::byte> flat);

}  // namespace millrace::nn
