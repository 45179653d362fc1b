// How far a model that gives quantities is from what was wanted.
#pragma once

#include "judged_rows.hpp"
#include "report/validation/validation.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace millrace::pipelines {

/// One thread at a time, batches in their order.
class ValueTally {
 public:
  /// `rows`: how many will come, where that is known.
  ValueTally(std::size_t outputs, std::optional<std::int64_t> rows);

  void add(const JudgedBatch& batch);
  /// Fills in rows, errors and points.
  void finish(Validation& found) const;

 private:
  /// Sums of one output; of what was wanted around its mean so far.
  struct Sums {
    double errors = 0, squares = 0, largest = 0, mean = 0, spread = 0;
  };
  void add_value(Sums& sums, double wanted, double given) const;
  void note(const JudgedBatch& batch, std::size_t row);

  std::vector<Sums> sums_;
  std::vector<PlotPoint> points_;
  std::uint64_t apart_ = 1;  ///< each so many rows one is a point
  bool is_of_input_ = false;
  std::int64_t rows_ = 0;
};

}  // namespace millrace::pipelines
