// Which layers of a model a step trains: those that are not frozen, and where their weights lie.
#pragma once

#include "cuda/step/step_layout.hpp"
#include "nn/rank_flags.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::cuda {

/// Floats [first, end) of the padded flat buffer.
struct FloatRange {
  std::int64_t first = 0, end = 0;
};
/// One for each run of dense layers that are not frozen; the whole buffer where none is.
std::vector<FloatRange> trained_ranges(const StepLayout& layout, const ModelSpec& model);

/// Whether a dense layer up to this one is trained, so that a gradient is wanted at its outputs.
bool trains_up_to(const ModelSpec& model, std::size_t layer);

/// The pieces in which the gradient leaves over several ranks. Layers without weights begin where the next one does.
std::vector<nn::GradientBucket> gradient_pieces(const StepDemand& demand, const StepLayout& layout);

}  // namespace millrace::cuda
