// What a loss can be taken of: told from what is known of the targets before a run, or from their values while they flow.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/detail/model_kinds.hpp>
#include <millrace/tensor.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace millrace {

/// What is wrong with targets, and in which row of the tensor; -1 when it is known of all rows.
struct TargetFault {
  std::string message;
  std::int64_t row = -1;
};

/// Whether targets are probabilities, as those of a crossentropy are, and not quantities.
MILLRACE_EXPORT bool takes_probabilities(Loss);
/// Targets of a crossentropy outside of [0, 1]: it has no lower bound there. By the known range; nothing without one.
MILLRACE_EXPORT std::optional<TargetFault> known_out_of_range(Loss, const TensorSpec& targets);
/// Rows of a categorical crossentropy that cannot sum to 1, by the known range.
MILLRACE_EXPORT std::optional<TargetFault> known_wrong_sum(Loss, const TensorSpec& targets);
/// Whether the spec alone does not say that values, or sums, fit.
MILLRACE_EXPORT bool leaves_values_open(Loss, const TensorSpec& targets);
MILLRACE_EXPORT bool leaves_sums_open(Loss, const TensorSpec& targets);
/// The first row with such a value, or of such a sum. NaN is left to the loss. Both read host memory.
MILLRACE_EXPORT std::optional<TargetFault> find_out_of_range(Loss, const Tensor& targets);
MILLRACE_EXPORT std::optional<TargetFault> find_wrong_sum(const Tensor& targets);

}  // namespace millrace
