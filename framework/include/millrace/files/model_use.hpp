// How the model of a file is used: its layers, which rows it takes as the data set has them, and what becomes of each value before the first layer.
// A run puts this into its checkpoints, `export` into safetensors files, as a text under "use.NODE" of their metadata: so one file is all that a Predictor needs.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/model.hpp>
#include <millrace/tensor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace {

/// What is done to each value of a row.
enum class RowOp : std::uint8_t { convert, multiply, add, subtract, divide };

/// `convert` makes f32 or f64 of the value; the others compute in the type that it has by then, which is one of these two, with one rounding.
struct RowStep {
  RowOp op = RowOp::convert;
  DType to = DType::f32;  ///< of convert
  double operand = 0;     ///< of the others; a float32 where they compute in f32
};

/// Rows as the data set has them, and what makes inputs of them: each value for itself, so that the row's shape no longer matters. What comes out is
/// rounded to float32.
struct RowPreparation {
  DType dtype = DType::f32;
  RowShape row_shape;
  std::vector<RowStep> steps = {};
};

struct ModelUse {
  /// Without what only training needs: penalties and initializers.
  std::shared_ptr<const ModelSpec> model;
  Loss loss = Loss::mse;
  std::int64_t batch_rows =
      1;  ///< so many rows at once are what the run measures with; products of other heights have other last bits
  std::optional<RowPreparation> rows;  ///< nothing where a stage on the way cannot be said so
  std::string why_no_rows = {};        ///< a sentence for that case
  ClassNames classes = {};             ///< of the outputs; may be empty
};

/// Under which it stands in the metadata of a file.
MILLRACE_EXPORT std::string model_use_key(const std::string& trainer);
/// One line of JSON. A number has the fewest digits that give the same bits.
MILLRACE_EXPORT std::string model_use_text(const ModelUse& use);
/// The other way round. `path` is for messages. Throws Error(model-use, data) for what is no such text, is of another version, or has layers
/// that fit nothing.
MILLRACE_EXPORT ModelUse parse_model_use(const std::string& text, const std::string& path);

}  // namespace millrace
