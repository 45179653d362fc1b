#include "batch_pass.hpp"

#include "shards.hpp"

#include <functional>
#include <utility>

namespace millrace::cpu {
namespace {

/// A phase over the tiles of a [rows, columns] product, each at home with its columns.
Phase by_columns(std::int64_t rows, std::int64_t columns, std::function<void(const Tile&)> run) {
  std::vector<Tile> tiles = product_tiles(rows, columns);
  std::vector<double> places;
  for (const Tile& tile : tiles) places.push_back(place_of(tile.columns, columns));
  return {places, [tiles = std::move(tiles), run = std::move(run)](std::size_t i, std::size_t) { run(tiles[i]); }};
}

/// A phase over shards of rows and their numbers.
Phase by_rows(std::int64_t rows, std::function<void(Range, std::size_t)> run) {
  std::vector<Range> shards = row_shards(rows);
  const std::size_t count = shards.size();
  return {count, [shards = std::move(shards), run = std::move(run)](std::size_t i, std::size_t) { run(shards[i], i); }};
}

/// Shards of rows, then ranges of the kernel's columns, which are at home where they are multiplied.
Phase packing(std::int64_t rows, std::int64_t outputs, const Forward& forward, LiveColumns& live) {
  std::vector<Range> shards = row_shards(rows), columns = tile_columns(outputs);
  std::vector<double> places;
  for (const Range& shard : shards) places.push_back(place_of(shard, rows));
  for (const Range& range : columns) places.push_back(place_of(range, outputs));
  return {places, [shards, columns, &forward, &live](std::size_t i, std::size_t) {
            if (!live.pays()) return;
            if (i < shards.size()) return live.pack_inputs(forward.input_of(0), shards[i]);
            live.pack_weights(columns[i - shards.size()]);
          }};
}

/// The first layer from its inputs on.
void add_live_layer(std::vector<Phase>& phases, const LayerSpec& layer, const Forward& forward, LiveColumns& live,
                    std::int64_t rows) {
  phases.push_back(by_rows(rows, [&](Range shard, std::size_t i) {
    forward.prepare(shard);
    live.mark(forward.input_of(0), shard, i);
  }));
  phases.emplace_back(1, [&live, shards = row_shards(rows).size()](std::size_t, std::size_t) { live.choose(shards); });
  phases.push_back(packing(rows, layer.outputs, forward, live));
  phases.push_back(by_columns(rows, layer.outputs, [&](const Tile& tile) {
    if (!live.pays()) return forward.run_dense(0, tile);
    forward.run_dense(0, tile, live.count(), live.inputs_from(tile.rows.first), live.weights_of(tile.columns));
  }));
}

}  // namespace

void add_batch_pass(std::vector<Phase>& phases, const ModelSpec& model, const Forward& forward,
                    const Backward& backward, LiveColumns* live, std::int64_t rows) {
  const std::size_t tail = tail_of(model), first = forward.first_dense();
  const auto is_dense = [&](std::size_t i) { return model.layers[i].kind == LayerKind::dense; };
  const float share = 1.0F / static_cast<float>(rows);
  if (live)
    add_live_layer(phases, model.layers[0], forward, *live, rows);
  else if (tail > 0)
    phases.push_back(by_rows(rows, [&forward](Range shard, std::size_t) { forward.prepare(shard); }));
  for (std::size_t i = live ? 1 : first; i < tail; ++i)
    if (is_dense(i))
      phases.push_back(by_columns(rows, model.layers[i].outputs,
                                  [&forward, i](const Tile& outputs) { forward.run_dense(i, outputs); }));
  phases.push_back(by_rows(rows, [&forward, &backward, tail, share](Range shard, std::size_t) {
    if (tail == 0) forward.prepare(shard);
    forward.run_tail(tail, shard);
    backward.run_tail(tail, shard, share);
  }));
  for (std::size_t i = tail; i-- > first + 1;)
    if (is_dense(i))
      phases.push_back(by_columns(rows, model.layers[i].inputs,
                                  [&backward, i](const Tile& inputs) { backward.through(i, inputs); }));
}

}  // namespace millrace::cpu
