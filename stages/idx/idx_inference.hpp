// What can be said of an idx_loader's data before a row is read: counts and types, and the range of labels that come from a path.
#pragma once

#include "idx_choice.hpp"

#include <millrace/tensor.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace millrace::stages {

/// Labels: rows of none when there are none.
struct IdxTypes {
  TensorSpec images, labels;
  std::int64_t rows = 0;  ///< of the whole file
};

/// What the rows of a file are.
TensorSpec spec_of(const IdxHeader& header);
/// Of a named data set from its table alone, so that `check` needs no files; of paths from the headers. Throws what
/// read_idx_header throws, and as require_equal_counts() does; the error is about the parameter that names the file.
IdxTypes types_of(const IdxChoice& choice, std::uint64_t max_bytes);
/// Of those labels of a path that will flow; `location` then says where the extreme value stands. Nothing when there are none, when the
/// file is too large to be read twice, and of other types than integers.
std::optional<ValueRange> label_range(const IdxChoice& choice, std::uint64_t max_bytes, const IdxRows& rows,
                                      std::string& location);

}  // namespace millrace::stages
