// Where weights start: Keras's initializers, keyed by seed, purpose and index.
#pragma once

#include <millrace/param.hpp>
#include <millrace/random.hpp>

#include <cstdint>
#include <span>

namespace millrace::nn {

/// One-of glorot_uniform, ..., zeros, ones, constant.
ParamType initializer_param_type();

/// Fans of a kernel [in, out]; a bias [n] has n for both, as in Keras.
struct Fans {
  std::int64_t in, out;
};

/// Fills `values`; value i is a function of (random, i) alone. `initializer` is a checked value of initializer_param_type();
/// null stands for `zeros`. Throws Error("unknown-initializer", run).
void fill_initial(const ParamValue& initializer, Fans fans, const Random& random, std::span<float> values);

}  // namespace millrace::nn
