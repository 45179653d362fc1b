// Sizes of shards and slabs. Found by measuring on two cores: tools/bench/training.
#include "shards.hpp"

#include <algorithm>

namespace millrace::cpu {
namespace {

/// `total` cut into `parts` ranges whose lengths are multiples of `step`, except the last.
std::vector<Range> cut(std::int64_t total, std::int64_t parts, std::int64_t step) {
  if (total == 0) return {};
  const std::int64_t length = ((total + parts - 1) / parts + step - 1) / step * step;
  std::vector<Range> ranges;
  for (std::int64_t first = 0; first < total; first += length)
    ranges.push_back({first, std::min(length, total - first)});
  return ranges;
}

/// A shard reads all weights once, so it should have many rows; but there should be several shards, and oneDNN multiplies by
/// a transposed matrix faster for 8 rows (77 to 83 GFLOP/s a core) than for 16 to 32 (46 to 70).
std::int64_t shard_rows(std::int64_t rows) {
  if (rows <= 64) return 8;
  return rows <= 512 ? 64 : 128;
}

/// A slab packs the whole batch once, so large batches want few slabs; its gradient should stay in the cache.
std::int64_t slab_floats(std::int64_t rows) { return rows <= 64 ? 32 * 1024 : 64 * 1024; }

constexpr std::int64_t kBiasColumns = 256;

constexpr std::int64_t kTileRows = 128, kTileColumns = 128;
constexpr std::int64_t kWideWeights = std::int64_t{32} * 1024;

}  // namespace

std::vector<Range> row_shards(std::int64_t rows) {
  return cut(rows, (rows + shard_rows(rows) - 1) / shard_rows(rows), 8);
}

// The last batch of an epoch is smaller than the others, and 60 rows have more shards than 128.
std::size_t most_row_shards(std::int64_t rows) {
  std::int64_t most = 0;
  for (const std::int64_t last : {std::int64_t{64}, std::int64_t{512}, rows}) {
    const std::int64_t some = std::min(rows, last);
    most = std::max(most, (some + shard_rows(some) - 1) / shard_rows(some));
  }
  return static_cast<std::size_t>(most);
}

// Cut within a part, because a product's last bits depend on the rows in the call.
std::vector<Range> row_shards(const std::vector<Range>& parts) {
  std::vector<Range> shards;
  for (const Range& part : parts)
    for (const Range& shard : row_shards(part.count)) shards.push_back({part.first + shard.first, shard.count});
  return shards;
}

std::vector<Range> tile_columns(std::int64_t columns) {
  return cut(columns, (columns + kTileColumns - 1) / kTileColumns, 16);
}

std::vector<PartTile> product_tiles(const std::vector<Range>& parts, std::int64_t columns) {
  std::vector<PartTile> tiles;
  for (const Range& column : tile_columns(columns))
    for (std::size_t part = 0; part < parts.size(); ++part)
      for (const Range& row : cut(parts[part].count, (parts[part].count + kTileRows - 1) / kTileRows, 8))
        tiles.push_back({{{parts[part].first + row.first, row.count}, column}, part});
  return tiles;
}

double affinity_of(const Range& range, std::int64_t count) {
  return (static_cast<double>(range.first) + 0.5 * static_cast<double>(range.count)) / static_cast<double>(count);
}

bool is_wide(const LayerSpec& layer) {
  return layer.kind == LayerKind::dense && layer.inputs * layer.outputs >= kWideWeights;
}

std::size_t tail_of(const ModelSpec& model) {
  std::size_t tail = model.layers.size();
  while (tail > 0 && !is_wide(model.layers[tail - 1])) --tail;
  while (tail > 0 && tail < model.layers.size() && model.layers[tail].kind == LayerKind::dropout) ++tail;
  return tail;
}

std::size_t first_trained(const ModelSpec& model) {
  std::size_t layer = 0;
  while (layer < model.layers.size() && (model.layers[layer].is_frozen || model.layers[layer].parameters() == 0))
    ++layer;
  return layer;
}

std::int64_t offset_of(const ModelSpec& model, const Slab& slab) {
  const LayerSpec& layer = model.layers[slab.layer];
  return slab.is_bias ? layer.bias_offset + slab.range.first : layer.kernel_offset + slab.range.first * layer.outputs;
}

std::int64_t weights_of(const ModelSpec& model, const Slab& slab) {
  return slab.is_bias ? slab.range.count : slab.range.count * model.layers[slab.layer].outputs;
}

double affinity_of(const ModelSpec& model, const Slab& slab) {
  const LayerSpec& layer = model.layers[slab.layer];
  return affinity_of(slab.range, slab.is_bias ? layer.outputs : layer.inputs);
}

std::vector<Slab> weight_slabs(const ModelSpec& model, std::int64_t rows) {
  std::vector<Slab> slabs;
  // The first layer last: the next batch begins with its weights, and finds some of them still in the cache (2 %).
  for (std::size_t i = model.layers.size(); i-- > 0;) {
    const LayerSpec& layer = model.layers[i];
    if (layer.kind != LayerKind::dense) continue;
    const std::int64_t parts = (layer.inputs * layer.outputs + slab_floats(rows) - 1) / slab_floats(rows);
    for (const Range& range : cut(layer.inputs, std::max<std::int64_t>(1, parts), 8))
      slabs.push_back({i, false, range});
    if (!layer.use_bias) continue;
    for (const Range& range : cut(layer.outputs, (layer.outputs + kBiasColumns - 1) / kBiasColumns, 16))
      slabs.push_back({i, true, range});
  }
  std::stable_sort(slabs.begin(), slabs.end(),
                   [&](const Slab& a, const Slab& b) { return weights_of(model, a) > weights_of(model, b); });
  return slabs;
}

}  // namespace millrace::cpu
