// The work of a step from the gradient at the logits back through the layers, beside the products: one struct a kernel, as in
// forward_ops.hpp.
#pragma once

#include "cuda/kernels/access.hpp"
#include "cuda/kernels/matrix.hpp"
#include "nn/activations.hpp"

#include <cstdint>

namespace millrace::cuda {

/// delta = mask ? delta * factor : 0, in place.
struct DropoutBackward {
  const std::uint8_t* mask = nullptr;
  float factor = 1;
  std::int64_t elements = 0;
  float* delta = nullptr;

  std::int64_t count() const { return elements; }
  void accesses(AccessCollector& to) const {
    to.read(mask, elements);
    to.change(delta, elements);
  }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t i) const { delta[i] = mask[i] ? delta[i] * factor : 0.0F; }
};

/// delta *= d activation at `output`, in place. One index is four elements.
struct ActivationBackward {
  Activation activation = Activation::linear;
  const float* output = nullptr;
  std::int64_t elements = 0;
  FloatOut delta;

  std::int64_t count() const { return elements / kFour; }
  void accesses(AccessCollector& to) const {
    to.read(output, elements);
    to.change(delta.f32, elements);
    to.write(delta.bf16, elements);
  }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t group) const {
    Four values = four_of(delta.f32, group);
    const Four outputs = four_of(output, group);
    nn::visit(activation, [&](auto tag) {
      using A = typename decltype(tag)::Type;
      if constexpr (A::kIsPerValue)
        for (int k = 0; k < 4; ++k) values.at[k] *= A::derivative(outputs.at[k]);
    });
    delta.set_four(group, values);
  }
};

/// out[c, j] = sum of values[., j] over the rows of chunk c. Many rows are summed up in two steps, the second over the chunks.
struct ColumnSums {
  static constexpr std::int64_t kChunkRows = 128;
  const float* values = nullptr;
  std::int64_t rows = 0, width = 0, stride = 0;  ///< `out` has this stride too
  std::int64_t chunk_rows = 0;                   ///< all chunks but the last one; `rows` where there is one
  float* out = nullptr;

  std::int64_t chunks() const { return (rows + chunk_rows - 1) / chunk_rows; }
  void accesses(AccessCollector& to) const {
    to.read(values, rows * stride);
    to.write(out, chunks() * stride);
  }
};

}  // namespace millrace::cuda
