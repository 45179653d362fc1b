// The weights of a model as tensors with names, for who writes them into a file of another program.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/files/safetensors.hpp>
#include <millrace/model.hpp>

#include <cstddef>
#include <functional>
#include <vector>

namespace millrace {

/// For each layer the number by which a checkpoint calls its tensors: modules are counted as torch's Sequential counts them, activations
/// other than linear and dropout among them.
MILLRACE_EXPORT std::vector<std::size_t> module_numbers(const ModelSpec& model);

/// Calls `take` with each matrix and bias in the order of the layers, as a checkpoint of a single trainer has them: `N.weight` [out, in] and
/// `N.bias` [out], F32. The bytes are there until `take` returns.
MILLRACE_EXPORT void for_each_weight(const ModelSnapshot& model,
                                     const std::function<void(const SafetensorsTensor&)>& take);

}  // namespace millrace
