// Orders of few rows are shuffled lists. Of more rows each position goes through a Feistel network, again until it falls on a row.
#include "core/murmur_finalizer.hpp"

#include <millrace/random.hpp>

#include <bit>
#include <numeric>
#include <span>
#include <utility>

namespace millrace {
namespace {

__extension__ using Wide = unsigned __int128;

// 64 random bits scaled to [0, bound): the bias is below bound / 2^64.
std::uint64_t scaled(std::uint64_t bits, std::uint64_t bound) {
  return static_cast<std::uint64_t>((static_cast<Wide>(bits) * bound) >> 64);
}

std::uint64_t bits_of(const PhiloxCounter& words) { return (std::uint64_t{words[1]} << 32) | words[0]; }

// From the last position down: the other way round would be another order.
void fisher_yates(std::span<std::uint32_t> order, const Random& random, std::uint32_t epoch) {
  std::iota(order.begin(), order.end(), 0U);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[scaled(bits_of(random.words(i, epoch)), i)]);
}

}  // namespace

// The domain is cut in two parts of about equal size. The low one is a power of two, so that no position is divided; the high one
// has as many values as are needed. So the domain has fewer than 2^low_bits_ places more than rows: of 2^20 rows and more one
// position in a thousand goes round twice.
RowOrder::RowOrder(Random random, std::int64_t rows, std::int64_t most_listed_rows)
    : random_(random), rows_(static_cast<std::uint64_t>(rows)) {
  if (rows <= most_listed_rows) {
    listed_.resize(static_cast<std::size_t>(rows));
    return;
  }
  low_bits_ = static_cast<int>(std::bit_width(rows_ - 1)) / 2;
  highs_ = ((rows_ - 1) >> low_bits_) + 1;
}

std::size_t RowOrder::memory_bytes(std::int64_t rows) {
  return rows <= kMostListedRows ? static_cast<std::size_t>(rows) * sizeof(std::uint32_t) : 0;
}

void RowOrder::begin_epoch(std::uint32_t epoch) {
  if (!listed_.empty()) return fisher_yates(listed_, random_, epoch);
  for (std::size_t round = 0; round < kRounds; ++round) keys_[round] = bits_of(random_.words(round, epoch));
}

// A place outside the rows is permuted on: the cycle leads back to the position that it came from, so it meets a row at the latest
// there, and no row twice.
std::int64_t RowOrder::row(std::int64_t position) const {
  if (!listed_.empty()) return listed_[static_cast<std::size_t>(position)];
  std::uint64_t place = permuted(static_cast<std::uint64_t>(position));
  while (place >= rows_) place = permuted(place);
  return static_cast<std::int64_t>(place);
}

// Each round adds to one part a number that depends on the other one and on its key, so each can be undone. Eight of them: orders of six
// can be told from random ones by looking at a few of them whole, and who draws many is advised to take more (Patarin, "Generic Attacks
// on Feistel Schemes", ASIACRYPT 2001).
std::uint64_t RowOrder::permuted(std::uint64_t place) const {
  const std::uint64_t low_mask = (std::uint64_t{1} << low_bits_) - 1;
  std::uint64_t high = place >> low_bits_, low = place & low_mask;
  for (std::size_t round = 0; round < kRounds; round += 2) {
    high += scaled(detail::murmur_finalizer(low ^ keys_[round]), highs_);
    if (high >= highs_) high -= highs_;
    low = (low + detail::murmur_finalizer(high ^ keys_[round + 1])) & low_mask;
  }
  return (high << low_bits_) | low;
}

}  // namespace millrace
