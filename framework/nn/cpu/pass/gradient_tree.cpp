// Pairwise summation: a recursion over the parts of a rank, then recursive doubling between ranks, which goes on with the same binary tree.
#include "gradient_tree.hpp"

#include <millrace/detail/row_share.hpp>

#include <utility>

namespace millrace::cpu {
namespace {

constexpr int kParts = RowShare::kOrderedParts;

}  // namespace

std::size_t parts_in_rank(int ranks) { return static_cast<std::size_t>(kParts / ranks); }

std::int64_t most_rows_of_part(std::int64_t rows, int ranks) { return (rows * ranks + kParts - 1) / kParts; }

std::vector<Range> parts_of_rank(std::int64_t rows, int rank, int ranks) {
  std::vector<Range> parts;
  std::int64_t first = 0;
  for (const std::int64_t own : RowShare{rank, ranks, rows}.ordered_parts(rows))
    parts.push_back({std::exchange(first, first + own), own});
  return parts;
}

void sum_parts(std::size_t first, std::size_t count, std::int64_t values, float* out, std::span<float* const> spare,
               const std::function<void(std::size_t, float*)>& find) {
  if (count == 1) return find(first, out);
  const std::size_t half = count / 2;
  float* other = spare.front();
  sum_parts(first, half, values, out, spare.subspan(1), find);
  sum_parts(first + half, half, values, other, spare.subspan(1), find);
  for (std::int64_t i = 0; i < values; ++i) out[i] += other[i];
}

// Floating-point addition commutes, so both ranks of a pair get the same bits although each adds to its own.
void sum_over_ranks(Communicator& communicator, std::span<float> mine, std::span<float> theirs) {
  for (int distance = 1; distance < communicator.size(); distance *= 2) {
    communicator.exchange(communicator.rank() ^ distance, mine, theirs);
    for (std::size_t i = 0; i < mine.size(); ++i) mine[i] += theirs[i];
  }
}

}  // namespace millrace::cpu
