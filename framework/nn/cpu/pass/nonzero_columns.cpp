// A bitwise OR down each column, by shards of rows, finds the nonzero ones; inputs and weights are packed to them where that saves enough.
#include "nonzero_columns.hpp"

#include <algorithm>
#include <bit>

namespace millrace::cpu {
namespace {

/// Packing costs about a twentieth of what the two products take.
constexpr std::int64_t kNonzeroOf16 = 14;

/// 0 for both zeros and for nothing else.
std::uint32_t without_sign(float value) { return std::bit_cast<std::uint32_t>(value) & 0x7FFFFFFFU; }

}  // namespace

bool has_nonzero_columns(const ModelSpec& model) { return tail_of(model) > 0 && is_wide(model.layers[0]); }

NonzeroColumnsLayout::NonzeroColumnsLayout(std::int64_t rows, std::int64_t inputs_of_row, std::int64_t outputs,
                                           ScratchLayout& scratch)
    : marks(scratch.take(static_cast<std::int64_t>(most_row_shards(rows)) * inputs_of_row, sizeof(std::uint32_t))),
      columns(scratch.take(inputs_of_row, sizeof(std::int32_t))),
      inputs(scratch.floats(rows * inputs_of_row)),
      weights(scratch.floats(inputs_of_row * outputs)) {}

NonzeroColumns::NonzeroColumns(const LayerSpec& first, const float* kernel, const NonzeroColumnsLayout& layout,
                               const Scratch& scratch)
    : layer_(first),
      least_rows_(layout.least_rows),
      kernel_(kernel),
      marks_(scratch.at<std::uint32_t>(layout.marks)),
      columns_(scratch.at<std::int32_t>(layout.columns)),
      inputs_(scratch.at<float>(layout.inputs)),
      weights_(scratch.at<float>(layout.weights)) {}

void NonzeroColumns::mark(const float* inputs, Range rows, std::size_t index) {
  const std::int64_t width = layer_.inputs;
  std::uint32_t* marks = marks_ + static_cast<std::int64_t>(index) * width;
  std::fill_n(marks, width, 0U);
  for (std::int64_t row = rows.first; row < rows.first + rows.count; ++row)
    for (std::int64_t j = 0; j < width; ++j) marks[j] |= without_sign(inputs[row * width + j]);
}

void NonzeroColumns::choose(std::size_t shards, std::int64_t rows) {
  const std::int64_t width = layer_.inputs;
  if (shards == 0) std::fill_n(marks_, width, 0U);
  for (std::size_t shard = 1; shard < shards; ++shard)
    for (std::int64_t j = 0; j < width; ++j) marks_[j] |= marks_[static_cast<std::int64_t>(shard) * width + j];
  count_ = 0;
  for (std::int64_t j = 0; j < width; ++j) {
    columns_[count_] = static_cast<std::int32_t>(j);
    count_ += marks_[j] != 0 ? 1 : 0;
  }
  is_worthwhile_ = rows >= least_rows_ && count_ > 0 && 16 * count_ <= kNonzeroOf16 * width;
}

void NonzeroColumns::pack_inputs(const float* inputs, Range rows) {
  for (std::int64_t row = rows.first; row < rows.first + rows.count; ++row) {
    const float* from = inputs + row * layer_.inputs;
    float* to = inputs_ + row * count_;
    for (std::int64_t j = 0; j < count_; ++j) to[j] = from[columns_[j]];
  }
}

void NonzeroColumns::pack_weights(Range outputs) {
  float* to = weights_ + outputs.first * layer_.inputs;
  for (std::int64_t j = 0; j < count_; ++j, to += outputs.count)
    std::copy_n(kernel_ + columns_[j] * layer_.outputs + outputs.first, outputs.count, to);
}

Range NonzeroColumns::within(Range columns) const {
  const std::int32_t *begin = columns_, *end = columns_ + count_;
  const std::int32_t* first = std::lower_bound(begin, end, columns.first);
  const std::int32_t* behind = std::lower_bound(first, end, columns.first + columns.count);
  return {first - begin, behind - first};
}

}  // namespace millrace::cpu
