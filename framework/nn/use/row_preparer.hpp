// Makes inputs of a model from rows as the data set has them, as a RowPreparation says.
#pragma once

#include <millrace/files/model_use.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::nn {

/// Any threads at once.
class RowPreparer {
 public:
  explicit RowPreparer(RowPreparation rows);

  /// Nothing is to be done: the rows are float32 and stay what they are.
  bool is_idle() const;
  /// `values`: `count` of the rows' type, aligned for it. `out` takes as many.
  void run(const std::byte* values, std::int64_t count, float* out) const;

 private:
  void compute(const std::byte* values, std::int64_t count, float* out) const;

  RowPreparation rows_;
  std::array<float, 256> table_{};  ///< what becomes of each byte, where the rows are bytes
};

}  // namespace millrace::nn
