// How a step is cut into tasks. Cuts are functions of layer shape and row count alone, never of threads or load: a product's
// last bits depend on how many rows are in the call.
#pragma once

#include <millrace/model.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::cpu {

/// Rows or columns [first, first + count).
struct Range {
  std::int64_t first = 0, count = 0;
};

/// Row shards of a batch for the forward and backward chain.
std::vector<Range> row_shards(std::int64_t rows);

/// As many shards as any batch of at most `rows` rows has.
std::size_t most_row_shards(std::int64_t rows);

/// The same of each part of a batch, which so gives the same bits whatever else is in the batch.
std::vector<Range> row_shards(const std::vector<Range>& parts);

/// A part of a matrix.
struct Tile {
  Range rows, columns;
};

/// A tile of the rows of one part of a batch.
struct PartTile {
  Tile tile;
  std::size_t part = 0;
};

/// Tiles of products of `columns` columns over the rows of each part, column by column: all of a tile's weights stay in a core's
/// cache while its rows pass.
std::vector<PartTile> product_tiles(const std::vector<Range>& parts, std::int64_t columns);

/// The ranges of columns of these tiles.
std::vector<Range> tile_columns(std::int64_t columns);

/// The thread affinity (Phase) of work on a range of `count` rows or columns: the middle of the range, from 0 to 1, so that
/// neighbors in memory prefer the same thread.
double affinity_of(const Range& range, std::int64_t count);

/// Whether a layer has so many weights that each core should keep its own part of them.
bool is_wide(const LayerSpec& layer);
/// The first layer of the model's tail: from there on no layer is wide. A tail is run by rows.
std::size_t tail_of(const ModelSpec& model);

/// The first layer whose weights training changes: no gradient is needed below it. Behind the last one where there is none.
std::size_t first_trained(const ModelSpec& model);

/// A task of the update: rows `range` of a layer's kernel, or columns `range` of its bias.
struct Slab {
  std::size_t layer = 0;
  bool is_bias = false;
  Range range;
};

/// Where a slab begins in the flat buffer of weights, and how many floats it has: its rows are contiguous.
std::int64_t offset_of(const ModelSpec& model, const Slab& slab);
std::int64_t weights_of(const ModelSpec& model, const Slab& slab);
/// The thread affinity of work on a slab: its middle in its layer, from 0 to 1.
double affinity_of(const ModelSpec& model, const Slab& slab);

/// Every weight of the model in exactly one slab; the large ones first, so that no thread ends up alone with one.
std::vector<Slab> weight_slabs(const ModelSpec& model, std::int64_t rows);

}  // namespace millrace::cpu
