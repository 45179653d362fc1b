// Reserves a gradient of the pre-activations for each dense layer, and computes a slab's gradient as one product X^T dZ or, of biases, as
// column sums.
#include "train_pass.hpp"

#include "nn/cpu/kernels/elementwise.hpp"
#include "nn/cpu/kernels/gemm.hpp"

#include <algorithm>
#include <utility>

namespace millrace::cpu {
namespace {

ForwardNeeds needs_of(const TrainSpec& spec) {
  return {spec.max_batch_rows, true, !is_dense_f32(spec.inputs), needs_decoding_as_target(spec.targets)};
}

}  // namespace

TrainPassLayout::TrainPassLayout(const TrainSpec& spec, ScratchLayout& scratch)
    : forward(*spec.model, needs_of(spec), scratch) {
  for (const LayerSpec& layer : spec.model->layers)
    deltas.push_back(layer.kind == LayerKind::dense ? scratch.floats(spec.max_batch_rows * layer.outputs) : 0);
}

Forward make_forward(const TrainSpec& spec, const TrainPassLayout& layout, const Scratch& scratch) {
  return {*spec.model, spec.loss, layout.forward, needs_of(spec), scratch, spec.seed};
}

Backward make_backward(const TrainSpec& spec, const TrainPassLayout& layout, const Scratch& scratch,
                       const Forward& forward, const float* weights) {
  std::vector<float*> deltas;
  for (const std::size_t offset : layout.deltas) deltas.push_back(scratch.at<float>(offset));
  return {*spec.model, spec.loss, forward, weights, std::move(deltas)};
}

void compute_gradient(const ModelSpec& model, const Slab& slab, Range rows, const Forward& forward,
                      const Backward& backward, float* gradient) {
  if (rows.count == 0) {
    std::fill_n(gradient, weights_of(model, slab), 0.0F);
    return;
  }
  const LayerSpec& layer = model.layers[slab.layer];
  const float* delta = backward.delta_of(slab.layer) + rows.first * layer.outputs;
  if (slab.is_bias) return sum_columns(delta + slab.range.first, rows.count, layer.outputs, slab.range.count, gradient);
  const float* inputs = forward.input_of(slab.layer) + rows.first * layer.inputs + slab.range.first;
  multiply_transposed_left(slab.range.count, layer.outputs, rows.count, {inputs, layer.inputs}, {delta, layer.outputs},
                           {gradient, layer.outputs});
}

}  // namespace millrace::cpu
