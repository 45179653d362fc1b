// Which rows are missing and which came twice, where an account is not the one that was declared.
#pragma once

#include "run/report/row_account.hpp"

#include <cstdint>
#include <vector>

namespace millrace::pipelines {

/// Rows `first` to `end` - 1 of a data set, each once in an epoch.
struct RowRange {
  std::int64_t first = 0, end = 0;
  std::int64_t count() const { return end - first; }
};

RowAccount declared_account(std::uint32_t epoch, const RowRange& range);

struct RowDifference {
  std::vector<std::int64_t> missing, doubled;  ///< rows; both empty where they cannot be told
};

/// Of up to two rows that are missing, came once more, or one in place of the other, it is known which; nothing is of more. `used` is of the same epoch as
/// `declared`, and is another account.
RowDifference difference_of(const RowAccount& declared, const RowAccount& used, const RowRange& range);

}  // namespace millrace::pipelines
