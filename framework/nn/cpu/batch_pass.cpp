#include "batch_pass.hpp"

#include "shards.hpp"

#include <functional>

namespace millrace::cpu {
namespace {

/// A phase over the tiles of a [rows, columns] product, each at home with its columns.
Phase by_columns(std::int64_t rows, std::int64_t columns, std::function<void(const Tile&)> run) {
  std::vector<Tile> tiles = product_tiles(rows, columns);
  std::vector<double> places;
  for (const Tile& tile : tiles) places.push_back(place_of(tile.columns, columns));
  return {places, [tiles = std::move(tiles), run = std::move(run)](std::size_t i, std::size_t) { run(tiles[i]); }};
}

Phase by_rows(std::int64_t rows, std::function<void(Range)> run) {
  std::vector<Range> shards = row_shards(rows);
  const std::size_t count = shards.size();
  return {count, [shards = std::move(shards), run = std::move(run)](std::size_t i, std::size_t) { run(shards[i]); }};
}

}  // namespace

void add_batch_pass(std::vector<Phase>& phases, const ModelSpec& model, const Forward& forward,
                    const Backward& backward, std::int64_t rows) {
  const std::size_t tail = tail_of(model), first = forward.first_dense();
  const auto is_dense = [&](std::size_t i) { return model.layers[i].kind == LayerKind::dense; };
  const float share = 1.0F / static_cast<float>(rows);
  if (tail > 0) phases.push_back(by_rows(rows, [&forward](Range shard) { forward.prepare(shard); }));
  for (std::size_t i = first; i < tail; ++i)
    if (is_dense(i))
      phases.push_back(by_columns(rows, model.layers[i].outputs,
                                  [&forward, i](const Tile& outputs) { forward.run_dense(i, outputs); }));
  phases.push_back(by_rows(rows, [&forward, &backward, tail, share](Range shard) {
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
