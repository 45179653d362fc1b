// How a step is cut into tasks. Cuts are functions of layer shape and row count alone, never of threads or load: a product's
// last bits depend on how many rows are in the call.
#pragma once

#include <millrace/model.hpp>

#include <cstdint>
#include <vector>

namespace millrace::cpu {

/// Rows or columns [first, first + count).
struct Range {
  std::int64_t first = 0, count = 0;
};

/// Row shards of a batch for the forward and backward chain.
std::vector<Range> row_shards(std::int64_t rows);

/// A task of the update: rows `range` of a layer's kernel, or columns `range` of its bias.
struct Slab {
  std::size_t layer = 0;
  bool is_bias = false;
  Range range;
};

/// Where a slab begins in the flat buffer of weights, and how many floats it has: its rows are contiguous.
std::int64_t offset_of(const ModelSpec& model, const Slab& slab);
std::int64_t weights_of(const ModelSpec& model, const Slab& slab);

/// Every weight of the model in exactly one slab; the large ones first, so that no thread ends up alone with one.
std::vector<Slab> weight_slabs(const ModelSpec& model, std::int64_t rows);

}  // namespace millrace::cpu
