// Weights of a safetensors file, of Millrace or of another program, with which a model begins.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/files/safetensors.hpp>
#include <millrace/model.hpp>

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace millrace {

/// Layers of a model by the number that a file calls their tensors by, `0.weight` [out, in] and `0.bias` [out] of F32: modules are counted as torch's Sequential counts
/// them, activations and dropout among them. With each a sentence about its first tensor that the file has not; empty for a layer that it has as a whole.
using LayerMatches = std::map<std::size_t, std::string>;

/// Every layer with weights. Whatever else the file has is left alone.
MILLRACE_EXPORT LayerMatches match_layers(const SafetensorsHeader& file, const ModelSpec& model);

/// Writes those that the file has as a whole into `weights`, which are `model`'s in the order of ModelSpec; the others stay. Throws Error of kind data:
/// checkpoint-not-finite, what read_safetensors_header and InputFile throw.
MILLRACE_EXPORT void read_layers(const std::string& path, const ModelSpec& model, std::span<std::byte> weights);

}  // namespace millrace
