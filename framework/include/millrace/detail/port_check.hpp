// Declared ports against the tensors that really come: what makes a declaration more than words.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/stage.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace millrace {

/// The tensor of a data input that a declaration refers to (`like`, `shape_as`, ...), or null where it is no single tensor.
using InputLookup = std::function<const TensorSpec*(std::string_view input)>;

/// Compares dtype, shape and, where both are known, the value range; a range below a parameter is the stage's own to check.
/// "dtype-mismatch", "shape-mismatch" or "out-of-range"; empty when the tensor is one of those declared.
MILLRACE_EXPORT std::string misfit_of(const TensorType& declared, const TensorSpec& found, const InputLookup& inputs);

/// Compares the connected inputs with the descriptor, before the stage's infer sees them, and reports with ctx.error at the
/// input: not-a-single-tensor, missing-field, unknown-field, and what misfit_of says. True when all of them fit.
MILLRACE_EXPORT bool check_inputs(const StageDescriptor& spec, InferContext& ctx);

}  // namespace millrace
