// Forward and backward over the parts of a batch, as phases. Wide layers, from the first to the last of them, are run one after the
// other, each core with its own columns of the weights; the layers behind them, the loss and the way back by shards of rows.
//
// Shards of rows alone would need one phase instead of one for each wide layer and direction, but every core would read all
// weights, half of which the other has just written.
#pragma once

#include "backward.hpp"
#include "forward.hpp"
#include "nn/cpu/kernels/parallel.hpp"
#include "nonzero_columns.hpp"

#include <millrace/model.hpp>

#include <cstdint>
#include <vector>

namespace millrace::cpu {

/// Adds the phases that find everything up to the gradients at the pre-activations of each layer, for `parts` of the batch that `forward` has
/// begun when they run. `share`: what a row counts. `columns`: of the first layer by part, or none; only where
/// has_nonzero_columns(model). All of the arguments but `parts` outlive the phases.
void add_batch_pass(std::vector<Phase>& phases, const ModelSpec& model, const Forward& forward,
                    const Backward& backward, std::vector<NonzeroColumns>& columns, const std::vector<Range>& parts,
                    float share);

}  // namespace millrace::cpu
