// The columns of a batch's inputs that are not 0 in every row. A column of zeros adds nothing to the pre-activations of the first layer
// and gives its weights no gradient, so both products can leave it out. Of MNIST's 784 pixels 528 are nonzero in a batch of 128.
//
// What is nonzero depends on the batch alone, never on threads, so the bits of a step don't either. With weights that are not
// finite the pre-activations differ from those over all columns (0 times infinity is not a number), but such a model has diverged.
#pragma once

#include "nn/cpu/kernels/gemm.hpp"
#include "nn/cpu/kernels/scratch.hpp"
#include "shards.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::cpu {

/// Whether the model begins with a dense layer so wide that its columns are worth a look.
bool has_nonzero_columns(const ModelSpec& model);

/// Where marks of columns, and the nonzero columns of inputs and weights lie.
struct NonzeroColumnsLayout {
  /// For batches of at most `rows` rows of a first layer [inputs, outputs].
  NonzeroColumnsLayout(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, ScratchLayout& scratch);
  std::size_t marks = 0, columns = 0, inputs = 0, weights = 0;
  std::int64_t least_rows = 0;  ///< with fewer, packing costs more than is left out
};

class NonzeroColumns {
 public:
  /// The kernel [inputs, outputs] of the first layer begins at `kernel`. All but the layout outlive this.
  NonzeroColumns(const LayerSpec& first, const float* kernel, const NonzeroColumnsLayout& layout,
                 const Scratch& scratch);

  // A batch: mark for each shard of rows, choose, then pack_inputs for each shard and pack_weights for each range of columns
  // of the kernel. Different shards and ranges may be worked on by any threads at once.

  /// Notes what is not 0 in the rows of shard `index`; `inputs` is that of the whole batch, [rows, inputs].
  void mark(const float* inputs, Range rows, std::size_t index);
  /// Finds the nonzero columns, for a batch of so many rows in so many shards.
  void choose(std::size_t shards, std::int64_t rows);
  /// Whether so many columns are 0 that leaving them out is worth the packing. If not, nothing is packed.
  bool is_worthwhile() const { return is_worthwhile_; }
  void pack_inputs(const float* inputs, Range rows);
  void pack_weights(Range outputs);

  /// How many columns are nonzero.
  std::int64_t count() const { return count_; }
  /// The packed inputs from this row on, [rows, count].
  Matrix inputs_from(std::int64_t row) const { return {inputs_ + row * count_, count_}; }
  /// The packed weights [count, outputs.count] of a range given to pack_weights.
  Matrix weights_of(Range outputs) const { return {weights_ + outputs.first * layer_.inputs, outputs.count}; }
  /// Which of the nonzero columns lie in a range of all columns.
  Range within(Range columns) const;
  /// The nonzero columns in rising order.
  const std::int32_t* columns() const { return columns_; }

 private:
  const LayerSpec& layer_;
  std::int64_t least_rows_;
  const float* kernel_;
  std::uint32_t* marks_;  ///< [shards, inputs], 0 for a column of zeros
  std::int32_t* columns_;
  float* inputs_;
  float* weights_;
  std::int64_t count_ = 0;
  bool is_worthwhile_ = false;
};

}  // namespace millrace::cpu
