// What a training step of the CPU is made of: a forward pass and a backward chain over the same memory, and the gradient of a slab.
#pragma once

#include "backward.hpp"
#include "forward.hpp"
#include "nn/cpu/kernels/scratch.hpp"
#include "shards.hpp"

#include <millrace/model.hpp>

#include <cstddef>
#include <vector>

namespace millrace::cpu {

/// Where activations and the gradients at the pre-activations of each layer lie.
struct TrainPassLayout {
  TrainPassLayout(const TrainSpec& spec, ScratchLayout& scratch);
  ForwardLayout forward;
  std::vector<std::size_t> deltas;  ///< one offset a layer; 0 for layers that are not dense
};

/// `spec` and `scratch` belong to the caller and outlive what is made.
Forward make_forward(const TrainSpec& spec, const TrainPassLayout& layout, const Scratch& scratch);
Backward make_backward(const TrainSpec& spec, const TrainPassLayout& layout, const Scratch& scratch,
                       const Forward& forward, const float* weights);

/// The gradient of a slab's weights, summed over `rows` of the batch, to `gradient` [weights_of(slab)]; zeros for no rows.
/// After both passes have seen the rows.
void compute_gradient(const ModelSpec& model, const Slab& slab, Range rows, const Forward& forward,
                      const Backward& backward, float* gradient);

}  // namespace millrace::cpu
