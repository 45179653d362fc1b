// How a model sorts rows into classes.
#pragma once

#include "judged_rows.hpp"
#include "report/validation/validation.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

namespace millrace::pipelines {

/// The class of a row is that of its largest value, the first of equals, as the metric `accuracy` has it; of a single output, whether it is above 0.5. One thread
/// at a time; what comes out does not depend on the order of the batches.
class ClassTally {
 public:
  /// `names` may be empty. `outputs` of the model, whose classes are two where it has one.
  ClassTally(std::size_t outputs, const ClassNames& names);

  void add(const JudgedBatch& batch);
  /// Fills in rows, classes, pairs and the worst rows without their pictures.
  void finish(Validation& found) const;

 private:
  void add_row(const JudgedBatch& batch, std::size_t row);
  void note(WorstRow row);

  std::vector<ClassRow> classes_;
  std::map<std::pair<std::size_t, std::size_t>, std::int64_t> confused_;  ///< by wanted and given
  std::vector<WorstRow> worst_;                                           ///< sorted
  std::int64_t rows_ = 0;
};

}  // namespace millrace::pipelines
