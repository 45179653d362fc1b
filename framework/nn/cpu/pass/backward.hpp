// The backward chain through the activations, for rows of a batch whose forward pass is done.
#pragma once

#include "forward.hpp"

#include <millrace/model.hpp>

#include <cstdint>
#include <vector>

namespace millrace::cpu {

class Backward {
 public:
  /// `deltas`: by layer, [rows, outputs], the gradient at the pre-activations of each dense layer; null for others. All outlive this.
  Backward(const ModelSpec& model, Loss loss, const Forward& forward, const float* weights, std::vector<float*> deltas)
      : model_(model), loss_(loss), forward_(forward), weights_(weights), deltas_(std::move(deltas)) {}

  /// Fills the deltas of these rows. `share`: what a row counts, 1 / rows of the batch. Any threads at once for ranges that
  /// do not overlap.
  void run(Range rows, float share) const { run_tail(0, rows, share); }
  /// The same in parts: `run_tail` down to the gradient at the pre-activations of the last dense layer before `tail`, then `through`
  /// each dense layer before it.
  void run_tail(std::size_t tail, Range rows, float share) const;
  /// From the gradient at the pre-activations of dense layer `layer` to these columns of that at the pre-activations of the dense layer before it,
  /// if there is one.
  void through(std::size_t layer, const Tile& inputs) const;
  const float* delta_of(std::size_t layer) const { return deltas_[layer]; }

 private:
  void undo_dropout(std::size_t layer, const Tile& tile, float* delta) const;

  const ModelSpec& model_;
  Loss loss_;
  const Forward& forward_;
  const float* weights_;
  std::vector<float*> deltas_;
};

}  // namespace millrace::cpu
