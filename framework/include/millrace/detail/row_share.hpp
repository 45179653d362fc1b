// Which rows of an epoch belong to this process. Batches are cut at positions of the whole epoch, and each batch is cut into
// contiguous parts, one a rank, in rank order.
#pragma once

#include <cstdint>
#include <vector>

namespace millrace {

/// Parts of `rows` rows begin at floor(rows * rank / size), so quarters, halves and the whole nest in each other.
struct RowShare {
  int rank = 0, size = 1;
  std::int64_t batch_rows = 0;  ///< rows of a batch over all ranks; means nothing when size is 1

  bool is_whole() const { return size == 1; }
  /// Where this rank's part of a batch of `rows` rows begins, and how many rows it has.
  std::int64_t part_first(std::int64_t rows) const { return rows * rank / size; }
  std::int64_t part_rows(std::int64_t rows) const { return rows * (rank + 1) / size - part_first(rows); }
  /// Rows of this rank in an epoch of `total` rows.
  std::int64_t rows_of_epoch(std::int64_t total) const {
    if (is_whole()) return total;
    return total / batch_rows * part_rows(batch_rows) + part_rows(total % batch_rows);
  }
  /// Position in the epoch of this rank's row `row`.
  std::int64_t position(std::int64_t row, std::int64_t total) const {
    if (is_whole()) return row;
    const std::int64_t mine = part_rows(batch_rows), whole = total / batch_rows;
    if (row < whole * mine) return row / mine * batch_rows + part_first(batch_rows) + row % mine;
    return whole * batch_rows + part_first(total % batch_rows) + row - whole * mine;
  }
  /// Batches of an epoch, the same for every rank, and the rows of batch `index` over all ranks.
  std::int64_t batches(std::int64_t total) const { return (total + batch_rows - 1) / batch_rows; }
  std::int64_t rows_of_batch(std::int64_t index, std::int64_t total) const {
    const std::int64_t left = total - index * batch_rows;
    return left < batch_rows ? left : batch_rows;
  }

  /// `reduction: ordered` cuts each batch into so many parts by position, whatever the number of ranks: 1, 2 or 4 of them, of which
  /// each has 4, 2 or 1 parts.
  static constexpr int kOrderedParts = 4;
  /// Rows of each part that this rank has of a batch of `rows` rows over all ranks, in order. A part of a small batch may be empty.
  std::vector<std::int64_t> ordered_parts(std::int64_t rows) const {
    std::vector<std::int64_t> parts;
    const int each = kOrderedParts / size;
    for (int part = rank * each; part < (rank + 1) * each; ++part)
      parts.push_back(rows * (part + 1) / kOrderedParts - rows * part / kOrderedParts);
    return parts;
  }
};

}  // namespace millrace
