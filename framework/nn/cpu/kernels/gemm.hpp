// Single-thread float32 matrix products, row-major. The only door to oneDNN.
#pragma once

#include <cstdint>

namespace millrace::cpu {

/// A matrix in row-major order whose rows lie `stride` floats apart.
struct Matrix {
  const float* data;
  std::int64_t stride;
};
struct MutableMatrix {
  float* data;
  std::int64_t stride;
};

/// c[m, n] = a[m, k] * b[k, n]
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, MutableMatrix c);
/// c[m, n] = a[m, k] * transpose(b[n, k])
void multiply_transposed_right(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, MutableMatrix c);
/// c[m, n] = transpose(a[k, m]) * b[k, n]
void multiply_transposed_left(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, MutableMatrix c);

}  // namespace millrace::cpu
