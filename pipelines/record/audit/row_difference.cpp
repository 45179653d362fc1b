// The difference of two sums is what the rows add that differ: one of them is looked for among all, two by a table of what each adds.
#include "row_difference.hpp"

#include <optional>
#include <unordered_map>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr std::int64_t kMostPaired = std::int64_t{1} << 22;  // a table of more takes too much memory for a remark

RowSum sum_of(std::uint32_t epoch, std::int64_t row) { return sum_of_row(epoch, static_cast<std::uint64_t>(row)); }

RowSum minus(RowSum a, const RowSum& b) {
  a -= b;
  return a;
}

/// Finds rows by what they add in an epoch.
class RowFinder {
 public:
  RowFinder(std::uint32_t epoch, const RowRange& range) : epoch_(epoch), range_(range) {}

  std::optional<std::int64_t> one(const RowSum& sum) const {
    for (std::int64_t row = range_.first; row < range_.end; ++row)
      if (sum_of(epoch_, row) == sum) return row;
    return std::nullopt;
  }

  /// Two rows a and b with a + b = sum, or with `is_difference` a - b = sum.
  std::optional<std::pair<std::int64_t, std::int64_t>> two(const RowSum& sum, bool is_difference) const {
    if (range_.count() > kMostPaired) return std::nullopt;
    std::unordered_map<std::uint64_t, std::int64_t> rows;
    for (std::int64_t row = range_.first; row < range_.end; ++row) rows.emplace(sum_of(epoch_, row).low, row);
    for (std::int64_t b = range_.first; b < range_.end; ++b) {
      RowSum wanted = sum;
      if (is_difference)
        wanted += sum_of(epoch_, b);
      else
        wanted -= sum_of(epoch_, b);
      const auto a = rows.find(wanted.low);
      if (a != rows.end() && sum_of(epoch_, a->second) == wanted) return std::pair(a->second, b);
    }
    return std::nullopt;
  }

 private:
  std::uint32_t epoch_;
  RowRange range_;
};

void take_one(const std::optional<std::int64_t>& row, std::vector<std::int64_t>& rows) {
  if (row) rows.push_back(*row);
}

void take_two(const std::optional<std::pair<std::int64_t, std::int64_t>>& found, std::vector<std::int64_t>& rows) {
  if (found) rows = {found->second, found->first};
}

}  // namespace

RowAccount declared_account(std::uint32_t epoch, const RowRange& range) {
  RowAccount account;
  account.epoch = epoch;
  account.rows = range.count();
  for (std::int64_t row = range.first; row < range.end; ++row) account.sum += sum_of(epoch, row);
  return account;
}

RowDifference difference_of(const RowAccount& declared, const RowAccount& used, const RowRange& range) {
  RowDifference difference;
  const RowFinder finder(declared.epoch, range);
  const RowSum lacking = minus(declared.sum, used.sum), beyond = minus(used.sum, declared.sum);
  const std::int64_t rows = declared.rows - used.rows;
  if (rows == 1) take_one(finder.one(lacking), difference.missing);
  if (rows == 2) take_two(finder.two(lacking, false), difference.missing);
  if (rows == -1) take_one(finder.one(beyond), difference.doubled);
  if (rows == -2) take_two(finder.two(beyond, false), difference.doubled);
  if (rows != 0) return difference;
  if (const auto found = finder.two(lacking, true)) {
    difference.missing = {found->first};
    difference.doubled = {found->second};
  }
  return difference;
}

}  // namespace millrace::pipelines
