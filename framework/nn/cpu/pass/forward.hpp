// The forward pass over rows of a batch: decode, layers, loss and metrics of each row. Used by training and by evaluation.
#pragma once

#include "nn/cpu/kernels/gemm.hpp"
#include "nn/cpu/kernels/scratch.hpp"
#include "nn/metrics.hpp"
#include "shards.hpp"

#include <millrace/model.hpp>
#include <millrace/random.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace millrace::cpu {

/// What a forward pass keeps of a batch of at most `rows` rows.
struct ForwardNeeds {
  std::int64_t rows = 0;
  bool training = false;        ///< dropout is active and its masks are kept
  bool decodes_inputs = true;   ///< inputs may lie otherwise than as dense f32
  bool decodes_targets = true;  ///< targets may lie otherwise than as dense f32 or class ids
};

/// Where that lies in the scratch memory. Offsets of layers without memory of their own are 0.
struct ForwardLayout {
  ForwardLayout(const ModelSpec& model, const ForwardNeeds& needs, ScratchLayout& scratch);
  std::size_t inputs = 0, targets = 0, results = 0;
  std::vector<std::size_t> outputs, masks;
};

/// The tensors' forms that need no decoding.
bool is_dense_f32(const TensorSpec& spec);
bool needs_decoding_as_target(const TensorSpec& spec);

class Forward {
 public:
  /// `scratch` holds what `layout` says; both belong to the caller and outlive this. `seed` keys the dropout.
  Forward(const ModelSpec& model, Loss loss, const ForwardLayout& layout, const ForwardNeeds& needs,
          const Scratch& scratch, std::uint64_t seed);

  /// The batch that `run` works on; `weights` is the flat buffer. Throws Error("batch-too-large" | "shape-mismatch", run).
  /// Targets may be null; then only outputs are computed.
  void begin(const TrainBatch& batch, const float* weights);
  /// All of the forward pass for these rows. Any threads at once for ranges that do not overlap.
  void run(Range rows) const;
  /// The same in parts: `prepare` for all rows, then `run_dense` for each dense layer before `tail`, then `run_tail`. Any
  /// threads at once for parts of the same step that do not overlap.
  void prepare(Range rows) const;  ///< decodes, and leaves values out before the first dense layer
  void run_dense(std::size_t layer, const Tile& outputs) const;  ///< a dense layer and the dropouts behind it
  /// The same as a product of `depth` columns of inputs and rows of weights, each beginning at the tile.
  void run_dense(std::size_t layer, const Tile& outputs, std::int64_t depth, Matrix inputs, Matrix weights) const;
  void run_tail(std::size_t tail, Range rows) const;  ///< layers from `tail` on, then loss and metrics of each row
  /// The first dense layer; what is before it is part of `prepare`.
  std::size_t first_dense() const { return first_dense_; }
  /// Sums over rows in row order; over the whole batch. After run has seen them.
  BatchSums sums(Range rows) const;
  BatchSums sums() const { return sums({0, rows_}); }

  std::int64_t rows() const { return rows_; }
  /// What layer i takes and gives, [rows, width].
  const float* input_of(std::size_t layer) const { return layer == 0 ? inputs_ : outputs_[layer - 1]; }
  const float* output_of(std::size_t layer) const { return outputs_[layer]; }
  const std::uint8_t* mask_of(std::size_t layer) const { return masks_[layer]; }
  nn::TargetRow target(std::int64_t row) const;
  /// Weight of a row's loss; 1 when the batch carries none.
  float weight(std::int64_t row) const { return row_weights_ ? row_weights_[row] : 1.0F; }

 private:
  void check(const TrainBatch& batch) const;
  void begin_targets(const Tensor& targets);
  void decode(Range rows) const;
  void run_dropouts(std::size_t first, const Tile& tile) const;
  void run_dropout(std::size_t i, const Tile& tile) const;
  void finish_row(std::int64_t row) const;

  const ModelSpec& model_;
  Loss loss_;
  ForwardNeeds needs_;
  std::size_t first_dense_ = 0;
  std::vector<Random> streams_;  ///< dropout of each layer; unused for dense ones
  float* decoded_inputs_;
  float* decoded_targets_;
  nn::RowResult* results_;
  std::vector<float*> outputs_;
  std::vector<std::uint8_t*> masks_;

  const Tensor* input_tensor_ = nullptr;
  const Tensor* target_tensor_ = nullptr;
  const float* inputs_ = nullptr;
  const float* weights_ = nullptr;
  const float* row_weights_ = nullptr;
  const float* target_values_ = nullptr;
  const std::uint8_t* target_bytes_ = nullptr;
  const std::int32_t* target_words_ = nullptr;
  std::span<const std::uint64_t> ids_;
  std::uint32_t epoch_ = 0;
  std::int64_t rows_ = 0;
};

}  // namespace millrace::cpu
