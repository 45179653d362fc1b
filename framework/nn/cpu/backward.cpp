#include "backward.hpp"

#include "elementwise.hpp"
#include "gemm.hpp"

namespace millrace::cpu {

void Backward::run(Range rows, float share) const {
  const std::size_t last = model_.layers.size() - 1;
  const LayerSpec& output = model_.layers[last];
  for (std::int64_t row = rows.first; row < rows.first + rows.count; ++row)
    nn::loss_gradient(loss_, output.activation, forward_.output_of(last) + row * output.outputs, output.outputs,
                      forward_.target(row), forward_.weight(row) * share, deltas_[last] + row * output.outputs);
  for (std::size_t i = last; i > 0; --i)
    if (model_.layers[i].kind == LayerKind::dense) through(i, rows);
}

/// From the gradient at the sums of dense layer `layer` to that at the sums of the dense layer before it, if there is one.
void Backward::through(std::size_t layer, Range rows) const {
  std::size_t before = layer;
  while (before > 0 && model_.layers[before - 1].kind == LayerKind::dropout) --before;
  if (before-- == 0) return;
  const LayerSpec& dense = model_.layers[layer];
  float* delta = deltas_[before] + rows.first * dense.inputs;
  const std::int64_t count = rows.count * dense.inputs;
  multiply_transposed_right(rows.count, dense.inputs, dense.outputs,
                            {deltas_[layer] + rows.first * dense.outputs, dense.outputs},
                            {weights_ + dense.kernel_offset, dense.outputs}, {delta, dense.inputs});
  for (std::size_t i = layer - 1; i > before; --i) {
    const float factor = math::dropout_scale(model_.layers[i].rate);
    const std::uint8_t* mask = forward_.mask_of(i) + rows.first * dense.inputs;
    for (std::int64_t j = 0; j < count; ++j) delta[j] = mask[j] ? delta[j] * factor : 0.0F;
  }
  multiply_by_slope(model_.layers[before].activation, forward_.output_of(before) + rows.first * dense.inputs, count,
                    delta);
}

}  // namespace millrace::cpu
