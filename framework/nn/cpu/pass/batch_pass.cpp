// Lists the phases: nonzero columns of the inputs, a phase of column tiles for each wide layer, one of row shards for the rest and the loss,
// then column tiles back to the first layer.
#include "batch_pass.hpp"

#include "shards.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace millrace::cpu {
namespace {

/// A phase over tiles of products of `columns` columns, each with the affinity of its columns. run(tile, part).
using TileTask = std::function<void(const Tile&, std::size_t)>;
Phase by_columns(const std::vector<Range>& parts, std::int64_t columns, TileTask run) {
  std::vector<PartTile> tiles = product_tiles(parts, columns);
  std::vector<double> affinities;
  for (const PartTile& each : tiles) affinities.push_back(affinity_of(each.tile.columns, columns));
  return {affinities, [tiles = std::move(tiles), run = std::move(run)](std::size_t i, std::size_t) {
            run(tiles[i].tile, tiles[i].part);
          }};
}

/// A phase over shards of rows.
Phase by_rows(const std::vector<Range>& parts, std::function<void(Range)> run) {
  std::vector<Range> shards = row_shards(parts);
  const std::size_t count = shards.size();
  return {count, [shards = std::move(shards), run = std::move(run)](std::size_t i, std::size_t) { run(shards[i]); }};
}

/// A shard of a part, counted from the part's first row.
struct PartShard {
  std::size_t part = 0, index = 0;
  Range rows;
};
std::vector<PartShard> part_shards(const std::vector<Range>& parts) {
  std::vector<PartShard> all;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const std::vector<Range> shards = row_shards(parts[part].count);
    for (std::size_t i = 0; i < shards.size(); ++i) all.push_back({part, i, shards[i]});
  }
  return all;
}

/// The first layer from its inputs on, whose columns of zeros each part leaves out.
class FirstLayer {
 public:
  FirstLayer(const LayerSpec& layer, const Forward& forward, std::vector<NonzeroColumns>& columns,
             const std::vector<Range>& parts)
      : layer_(layer), forward_(forward), columns_(columns), parts_(parts) {}

  void add_phases(std::vector<Phase>& phases) const {
    const std::vector<PartShard> shards = part_shards(parts_);
    phases.emplace_back(shards.size(), [self = *this, shards](std::size_t i, std::size_t) { self.mark(shards[i]); });
    phases.emplace_back(parts_.size(), [self = *this](std::size_t part, std::size_t) { self.choose(part); });
    phases.push_back(packing(shards));
    phases.push_back(by_columns(parts_, layer_.outputs,
                                [self = *this](const Tile& tile, std::size_t part) { self.multiply(tile, part); }));
  }

 private:
  const float* inputs_of(std::size_t part) const { return forward_.input_of(0) + parts_[part].first * layer_.inputs; }
  void mark(const PartShard& shard) const {
    forward_.prepare({parts_[shard.part].first + shard.rows.first, shard.rows.count});
    columns_[shard.part].mark(inputs_of(shard.part), shard.rows, shard.index);
  }
  void choose(std::size_t part) const {
    columns_[part].choose(row_shards(parts_[part].count).size(), parts_[part].count);
  }
  void multiply(const Tile& tile, std::size_t part) const {
    const NonzeroColumns& nonzero = columns_[part];
    if (!nonzero.is_worthwhile()) return forward_.run_dense(0, tile);
    forward_.run_dense(0, tile, nonzero.count(), nonzero.inputs_from(tile.rows.first - parts_[part].first),
                       nonzero.weights_of(tile.columns));
  }
  /// Shards of rows, then for each part ranges of the kernel's columns, each with the affinity of its product.
  Phase packing(const std::vector<PartShard>& shards) const {
    std::vector<double> affinities;
    for (const PartShard& shard : shards) affinities.push_back(affinity_of(shard.rows, parts_[shard.part].count));
    const std::vector<Range> ranges = tile_columns(layer_.outputs);
    for (std::size_t part = 0; part < parts_.size(); ++part)
      for (const Range& range : ranges) affinities.push_back(affinity_of(range, layer_.outputs));
    return {affinities, [self = *this, shards, ranges](std::size_t i, std::size_t) {
              const bool is_shard = i < shards.size();
              const std::size_t at = is_shard ? i : i - shards.size();
              const std::size_t part = is_shard ? shards[at].part : at / ranges.size();
              NonzeroColumns& nonzero = self.columns_[part];
              if (!nonzero.is_worthwhile()) return;
              if (is_shard) return nonzero.pack_inputs(self.inputs_of(part), shards[at].rows);
              nonzero.pack_weights(ranges[at % ranges.size()]);
            }};
  }

  const LayerSpec& layer_;
  const Forward& forward_;
  std::vector<NonzeroColumns>& columns_;
  std::vector<Range> parts_;
};

}  // namespace

void add_batch_pass(std::vector<Phase>& phases, const ModelSpec& model, const Forward& forward,
                    const Backward& backward, std::vector<NonzeroColumns>& columns, const std::vector<Range>& parts,
                    float share) {
  const std::size_t tail = tail_of(model), first = forward.first_dense();
  const auto is_dense = [&](std::size_t i) { return model.layers[i].kind == LayerKind::dense; };
  if (!columns.empty())
    FirstLayer(model.layers[0], forward, columns, parts).add_phases(phases);
  else if (tail > 0)
    phases.push_back(by_rows(parts, [&forward](Range shard) { forward.prepare(shard); }));
  for (std::size_t i = columns.empty() ? first : 1; i < tail; ++i)
    if (is_dense(i))
      phases.push_back(by_columns(parts, model.layers[i].outputs,
                                  [&forward, i](const Tile& outputs, std::size_t) { forward.run_dense(i, outputs); }));
  phases.push_back(by_rows(parts, [&forward, &backward, tail, share](Range shard) {
    if (tail == 0) forward.prepare(shard);
    forward.run_tail(tail, shard);
    backward.run_tail(tail, shard, share);
  }));
  for (std::size_t i = tail; i-- > std::max(first, first_trained(model)) + 1;)
    if (is_dense(i))
      phases.push_back(by_columns(parts, model.layers[i].inputs,
                                  [&backward, i](const Tile& inputs, std::size_t) { backward.through(i, inputs); }));
}

}  // namespace millrace::cpu
