// The metrics, one struct each: its name, what it is of a row, and where it is summed. Names in configs, the sums over rows on
// the CPU and in the kernels of a GPU, and what stages report derive from the list `RowMetrics`.
//
// The loss is reported too, but is not in the list: it comes out of making the outputs.
#pragma once

#include "losses.hpp"
#include "target_row.hpp"
#include "type_list.hpp"

#include <millrace/detail/batch_sums.hpp>

#include <cmath>
#include <cstdint>

namespace millrace::nn {

/// What one row adds to the sums of a batch.
struct RowResult {
  float loss = 0, absolute_error = 0, correct = 0;
};

// Each metric has kForClasses, whether it means something only where rows are sorted into classes; of_row(p, n, y), the metric of outputs p; in(row), its place in a RowResult; and in(sums), in BatchSums.

/// Whether the largest output stands where the largest target stands (the first of equals); of a single output, whether both
/// are on the same side of 0.5.
struct Accuracy {
  static constexpr const char* kName = "accuracy";
  static constexpr bool kForClasses = true;
  template <class Sums>
  MILLRACE_HOST_DEVICE static auto& in(Sums& sums) {
    return sums.correct;
  }
  MILLRACE_HOST_DEVICE static bool is_correct(const float* p, std::int64_t n, const TargetRow& y) {
    if (n == 1) return (p[0] > 0.5F) == (y(0) > 0.5F);
    std::int64_t best = 0, wanted = 0;
    float largest = p[0], most = y(0);  // kept, because a GPU's registers have no index
    for (std::int64_t j = 1; j < n; ++j) {
      if (p[j] > largest) largest = p[best = j];
      if (y(j) > most) most = y(wanted = j);
    }
    return best == wanted;
  }
  MILLRACE_HOST_DEVICE static float of_row(const float* p, std::int64_t n, const TargetRow& y) {
    return is_correct(p, n, y) ? 1.0F : 0.0F;
  }
};

struct MeanAbsoluteError {
  static constexpr const char* kName = "mae";
  static constexpr bool kForClasses = false;
  template <class Sums>
  MILLRACE_HOST_DEVICE static auto& in(Sums& sums) {
    return sums.absolute_error;
  }
  MILLRACE_HOST_DEVICE static float of_row(const float* p, std::int64_t n, const TargetRow& y) {
    float sum = 0;
    for (std::int64_t j = 0; j < n; ++j) sum += std::fabs(p[j] - y(j));
    return sum / static_cast<float>(n);
  }
};

/// In the order in which they are reported, behind the loss.
using RowMetrics = TypeList<Accuracy, MeanAbsoluteError>;

/// All of a row whose outputs and loss are found.
MILLRACE_HOST_DEVICE inline RowResult measure_row(float loss, const float* p, std::int64_t n, const TargetRow& y) {
  RowResult result;
  result.loss = loss;
  for_each_type(RowMetrics(), [&](auto tag) {
    using Metric = typename decltype(tag)::Type;
    Metric::in(result) = Metric::of_row(p, n, y);
  });
  return result;
}

/// sums += row, in what both have.
MILLRACE_HOST_DEVICE inline void add_row(const RowResult& row, BatchSums& sums) {
  sums.loss += static_cast<double>(row.loss);
  for_each_type(RowMetrics(), [&](auto tag) {
    using Metric = typename decltype(tag)::Type;
    Metric::in(sums) += static_cast<double>(Metric::in(row));
  });
}

}  // namespace millrace::nn
