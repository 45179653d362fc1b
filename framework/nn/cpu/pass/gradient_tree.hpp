// Four contiguous parts of a batch, by position, and the sum of their gradients as (0+1)+(2+3): the same on 1, 2 and 4
// ranks, of which each has 4, 2 or 1 of them.
#pragma once

#include "shards.hpp"

#include <millrace/communicator.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace millrace::cpu {

/// How many of them a rank of `ranks` (1, 2 or 4) has, and the most rows that one can have where a rank has at most `rows`.
std::size_t parts_in_rank(int ranks);
std::int64_t most_rows_of_part(std::int64_t rows, int ranks);

/// The parts that rank `rank` of `ranks` (1, 2 or 4) has of a batch of `rows` rows over all ranks, as ranges of its own
/// rows. A part of a small batch may be empty.
std::vector<Range> parts_of_rank(std::int64_t rows, int rank, int ranks);

/// Sums the parts [first, first + count) in pairs of pairs into `out`: `find(part, place)` writes the values of one part.
/// `spare` holds a place of `values` floats for each halving of `count`.
void sum_parts(std::size_t first, std::size_t count, std::int64_t values, float* out, std::span<float* const> spare,
               const std::function<void(std::size_t, float*)>& find);

/// Goes on with the same tree over the ranks: `mine` becomes the sum over all of them. `theirs` is as long.
void sum_over_ranks(Communicator& communicator, std::span<float> mine, std::span<float> theirs);

}  // namespace millrace::cpu
