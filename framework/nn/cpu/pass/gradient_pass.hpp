// From a batch to its gradient: forward and backward over each part of this rank's rows, then the gradients of slabs of weights,
// summed over the parts.
//
// A part is computed as if it were alone, so its bits do not depend on what else is in the batch; `reduction: ordered` cuts a batch
// into four, anything else takes it in one.
#pragma once

#include "backward.hpp"
#include "forward.hpp"
#include "nn/cpu/kernels/parallel.hpp"
#include "nn/cpu/kernels/scratch.hpp"
#include "nonzero_columns.hpp"
#include "shards.hpp"

#include <millrace/model.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::cpu {

/// Where that lies in the scratch memory, for parts as `reduction` has them on this rank.
struct GradientPassLayout {
  GradientPassLayout(const TrainSpec& spec, Reduction reduction, ScratchLayout& scratch);
  std::vector<NonzeroColumnsLayout> columns;  ///< one for each part; empty where the model has no nonzero columns
  std::vector<std::size_t> halves;            ///< a gradient for each halving of the parts
};

class GradientPass {
 public:
  /// All but the layout outlive this. `weights` is the flat buffer.
  GradientPass(const ModelSpec& model, const Forward& forward, const Backward& backward, const float* weights,
               const GradientPassLayout& layout, const Scratch& scratch);

  /// Adds the phases that find everything up to the deltas of each layer for the batch that `forward` has begun: `parts` of its
  /// rows, which `rows` over all ranks divide.
  void add_phases(std::vector<Phase>& phases, const std::vector<Range>& parts, std::int64_t rows);
  /// The gradient of a slab, [weights_of(slab)], after those phases. Any threads at once for slabs that do not overlap.
  void compute(const Slab& slab, const std::vector<Range>& parts, float* gradient) const;

  /// Whether the rows of a slab whose inputs are 0 in all of the first part are left out.
  bool leaves_rows_out(const Slab& slab) const { return leaves_rows_out(slab, 0); }
  /// The gradient of the slab's other rows alone, one after the other, over a batch of one part.
  void compute_nonzero(const Slab& slab, Range rows, float* gradient) const {
    compute_nonzero(slab, 0, rows, gradient);
  }
  /// The rows of that.
  const NonzeroColumns& columns() const { return columns_.front(); }

 private:
  bool leaves_rows_out(const Slab& slab, std::size_t part) const;
  void compute_nonzero(const Slab& slab, std::size_t part, Range rows, float* gradient) const;
  void compute_part(const Slab& slab, std::size_t part, Range rows, float* gradient) const;
  void spread_nonzero(const Slab& slab, const NonzeroColumns& columns, float* gradient) const;

  const ModelSpec& model_;
  const Forward& forward_;
  const Backward& backward_;
  std::vector<NonzeroColumns> columns_;  ///< one for each part
  std::vector<float*> halves_;
};

}  // namespace millrace::cpu
