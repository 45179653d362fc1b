// Forward and backward over a whole batch, as phases. Wide layers, from the first to the last of them, are run one after the
// other, each core with its own columns of the weights; the layers behind them, the loss and the way back by shards of rows.
//
// Shards of rows alone would need one phase instead of one for each wide layer and direction, but every core would read all
// weights, half of which the other has just written.
#pragma once

#include "backward.hpp"
#include "forward.hpp"
#include "live_columns.hpp"
#include "nn/cpu/kernels/parallel.hpp"

#include <millrace/model.hpp>

#include <cstdint>
#include <vector>

namespace millrace::cpu {

/// Adds the phases that, for batches of `rows` rows, find everything up to the gradients at the sums of each layer. The
/// batch is the one that `forward` has begun when they run; all of the arguments outlive the phases. `live`: the columns of
/// the first layer, or null; only where has_live_columns(model).
void add_batch_pass(std::vector<Phase>& phases, const ModelSpec& model, const Forward& forward,
                    const Backward& backward, LiveColumns* live, std::int64_t rows);

}  // namespace millrace::cpu
