// Collectives as rounds, with ranks that are only arrays: every rank gets every value once, and all the same bits.
#include "comm/mpi/rounds.hpp"

#include "catch.hpp"

#include <millrace/detail/row_share.hpp>

#include <cstdint>
#include <cstring>
#include <numeric>
#include <set>

using namespace millrace;
using namespace millrace::comm;

namespace {

/// Round k of every rank at once, as messages would do it: what is sent is what stood there before the round.
void carry_out(const std::vector<std::vector<Round>>& ranks) {
  for (std::size_t k = 0; k < ranks.front().size(); ++k) {
    std::vector<std::vector<std::byte>> sent;
    for (const auto& rounds : ranks) sent.emplace_back(rounds[k].out, rounds[k].out + rounds[k].out_bytes);
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
      const Round& round = ranks[rank][k];
      const auto from = static_cast<std::size_t>(round.from);
      REQUIRE(ranks[from][k].to == static_cast<int>(rank));
      REQUIRE(sent[from].size() == round.in_bytes);
      if (round.in_bytes > 0) std::memcpy(round.in, sent[from].data(), round.in_bytes);
    }
    for (const auto& rounds : ranks) end_round(rounds[k]);
  }
}

}  // namespace

TEST_CASE("a ring gives every rank the sum, and all the same bits") {
  const int size = GENERATE(2, 3, 4, 7);
  const std::size_t count = GENERATE(0, 1, 5, 64, 1001);
  std::vector<std::vector<float>> values, scratch;
  std::vector<double> sums(count);
  std::uint32_t state = 1;
  for (int rank = 0; rank < size; ++rank) {
    values.emplace_back(count);
    scratch.emplace_back(ring_scratch(size, count));
    for (std::size_t i = 0; i < count; ++i) {
      state = state * 1664525 + 1013904223;
      values.back()[i] = static_cast<float>(state) / 1e9F - 2;
      sums[i] += static_cast<double>(values.back()[i]);
    }
  }
  std::vector<std::vector<Round>> rounds;
  for (int rank = 0; rank < size; ++rank) {
    const auto i = static_cast<std::size_t>(rank);
    rounds.push_back(ring_sum(rank, size, values[i], scratch[i]));
  }
  carry_out(rounds);
  for (const auto& mine : values) {
    CHECK((count == 0 || std::memcmp(mine.data(), values.front().data(), count * sizeof(float)) == 0));
    for (std::size_t i = 0; i < count; ++i) CHECK(static_cast<double>(mine[i]) == Approx(sums[i]).margin(1e-5));
  }
}

TEST_CASE("a gather gives every rank every part, in rank order") {
  const int size = GENERATE(2, 3, 5);
  std::vector<std::vector<std::byte>> all(static_cast<std::size_t>(size),
                                          std::vector<std::byte>(static_cast<std::size_t>(size) * 3));
  std::vector<std::vector<Round>> rounds;
  for (int rank = 0; rank < size; ++rank) {
    const auto i = static_cast<std::size_t>(rank);
    std::memset(all[i].data() + i * 3, rank + 1, 3);
    rounds.push_back(ring_gather(rank, size, all[i], 3));
  }
  carry_out(rounds);
  for (const auto& mine : all)
    for (std::size_t i = 0; i < mine.size(); ++i) CHECK(mine[i] == static_cast<std::byte>(i / 3 + 1));
}

TEST_CASE("the ranks' rows are every position of the epoch once, batch by batch") {
  const std::int64_t total = GENERATE(0, 1, 4, 21, 60), batch = GENERATE(4, 7, 64);
  const int size = GENERATE(1, 2, 3, 4);
  std::set<std::int64_t> seen;
  for (int rank = 0; rank < size; ++rank) {
    const RowShare share{rank, size, batch};
    std::int64_t row = 0;
    for (std::int64_t index = 0; index < share.batches(total); ++index) {
      const std::int64_t rows = share.rows_of_batch(index, total);
      for (std::int64_t i = 0; i < share.part_rows(rows); ++i, ++row) {
        CHECK(share.position(row, total) == index * batch + share.part_first(rows) + i);
        seen.insert(share.position(row, total));
      }
    }
    CHECK(row == share.rows_of_epoch(total));
  }
  CHECK(static_cast<std::int64_t>(seen.size()) == total);
}
