// Backpropagation: for each dense layer dX = dZ W^T, then the masks of dropout and the derivative of the activation before it.
#include "backward.hpp"

#include "nn/cpu/kernels/elementwise.hpp"
#include "nn/cpu/kernels/gemm.hpp"
#include "shards.hpp"

#include <algorithm>

namespace millrace::cpu {

void Backward::run_tail(std::size_t tail, Range rows, float share) const {
  const std::size_t last = model_.layers.size() - 1;
  const LayerSpec& output = model_.layers[last];
  for (std::int64_t row = rows.first; row < rows.first + rows.count; ++row)
    nn::loss_gradient(loss_, output.activation, forward_.output_of(last) + row * output.outputs, output.outputs,
                      forward_.target(row), forward_.weight(row) * share, deltas_[last] + row * output.outputs);
  for (std::size_t i = last + 1; i-- > std::max(tail, first_trained(model_) + 1);)
    if (model_.layers[i].kind == LayerKind::dense) through(i, {rows, {0, model_.layers[i].inputs}});
}

void Backward::through(std::size_t layer, const Tile& tile) const {
  std::size_t before = layer;
  while (before > 0 && model_.layers[before - 1].kind == LayerKind::dropout) --before;
  if (before-- == 0) return;
  const LayerSpec& dense = model_.layers[layer];
  const auto [rows, columns] = tile;
  const std::int64_t place = rows.first * dense.inputs + columns.first;
  float* delta = deltas_[before] + place;
  multiply_transposed_right(
      rows.count, columns.count, dense.outputs, {deltas_[layer] + rows.first * dense.outputs, dense.outputs},
      {weights_ + dense.kernel_offset + columns.first * dense.outputs, dense.outputs}, {delta, dense.inputs});
  for (std::size_t i = layer - 1; i > before; --i) undo_dropout(i, tile, deltas_[before]);
  activation_backward(model_.layers[before].activation, forward_.output_of(before) + place, rows.count, columns.count,
                      dense.inputs, delta);
}

void Backward::undo_dropout(std::size_t layer, const Tile& tile, float* delta) const {
  const LayerSpec& dropout = model_.layers[layer];
  const float factor = math::dropout_scale(dropout.rate);
  for (std::int64_t row = tile.rows.first; row < tile.rows.first + tile.rows.count; ++row) {
    const std::int64_t place = row * dropout.outputs + tile.columns.first;
    const std::uint8_t* mask = forward_.mask_of(layer) + place;
    for (std::int64_t j = 0; j < tile.columns.count; ++j) delta[place + j] = mask[j] ? delta[place + j] * factor : 0.0F;
  }
}

}  // namespace millrace::cpu
