// What is added up over the rows of batches, apart from model.hpp so that device code can include it.
#pragma once

#include <millrace/detail/export.hpp>

namespace millrace {

/// Sums over rows, taken in row order within a batch and in batch order over the batches. Divide by `samples`.
struct MILLRACE_EXPORT BatchSums {
  double loss = 0;            ///< without the L2 penalty, which is in `penalty`
  double penalty = 0;         ///< L2 penalty x rows, so that it averages like the loss
  double correct = 0;         ///< rows whose largest output is at the largest target (width 1: on the same side of 0.5)
  double absolute_error = 0;  ///< sum over rows of the mean absolute error of the row
  double samples = 0;         ///< rows
  void add(const BatchSums&);
  /// Whether the loss and each metric are finite.
  bool is_finite() const;
};

}  // namespace millrace
