// Counter-based random numbers: Philox4x32-10. A number is a function of (seed, purpose, counter) and of nothing else, so it
// does not matter which thread asks, when, or after what. So is the order of the rows in an epoch, a random permutation: which
// row stands at a position depends on (seed, purpose, epoch, position).
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <millrace/detail/export.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace millrace {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

/// Ten rounds of Philox4x32.
MILLRACE_EXPORT PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key);

/// A stream of numbers for one purpose. The purpose is a fixed string in the code ("shuffle", "init/0/kernel", "dropout/2"),
/// never a node name or an address. Copyable, stateless, safe from any thread. A stage gets its own from OpenContext::random,
/// so that two nodes of it do not draw alike.
class MILLRACE_EXPORT Random {
 public:
  Random(std::uint64_t seed, std::string_view purpose);

  /// Four words for item `index` of epoch `epoch`; `block` counts further groups of four for the same item.
  PhiloxCounter words(std::uint64_t index, std::uint32_t epoch = 0, std::uint32_t block = 0) const;
  /// One float32 in [0, 1), 24 bits of it random.
  float uniform(std::uint64_t index, std::uint32_t epoch = 0) const;
  /// One float32 of the standard normal distribution (Box-Muller).
  float normal(std::uint64_t index, std::uint32_t epoch = 0) const;

  PhiloxKey key() const { return key_; }

 private:
  PhiloxKey key_;
};

/// The seed of the `number`-th of several that draw from one seed, from 1. The first has the seed itself.
MILLRACE_EXPORT std::uint64_t numbered_seed(std::uint64_t seed, std::int64_t number);

/// 24 random bits as a float32 in [0, 1).
constexpr float to_unit_float(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1.0p-24F; }

/// Up to so many rows the order of an epoch is listed, by kListedOrder; of more rows each is computed from its position, by
/// kComputedOrder. All three belong to the bits of a run: another threshold or algorithm is another order.
inline constexpr std::int64_t kMostListedRows = std::int64_t{1} << 20;
/// A Fisher-Yates shuffle (Knuth, "The Art of Computer Programming", volume 2, section 3.4.2, algorithm P).
inline constexpr std::string_view kListedOrder = "fisher-yates";
/// A generalized Feistel network of eight rounds with cycle walking (Black and Rogaway, "Ciphers with Arbitrary Finite Domains",
/// CT-RSA 2002), whose round function is the finalizer of MurmurHash3.
inline constexpr std::string_view kComputedOrder = "feistel-8-murmur3";

/// Rows 0 to `rows` - 1 shuffled: each at one position, in another order each epoch.
class MILLRACE_EXPORT RowOrder {
 public:
  /// `random` is what OpenContext::random gives for a purpose that nothing else draws from, such as "shuffle". `rows` is at
  /// least 0. Takes memory_bytes(rows) here, and none later. `most_listed_rows`, at most 2^32, is the threshold: tests set
  /// it, to see either algorithm at any size.
  RowOrder(Random random, std::int64_t rows, std::int64_t most_listed_rows = kMostListedRows);

  /// What to declare by InferContext::uses_memory: four bytes a row of a listed order, none where rows are computed.
  static std::size_t memory_bytes(std::int64_t rows);

  /// Sets the order to that of `epoch`, whatever epochs came before. One thread at a time.
  void begin_epoch(std::uint32_t epoch);
  /// The row at `position`, from 0 to `rows` - 1, of the epoch that was begun last. Takes as long for every position. Any
  /// number of threads at once.
  std::int64_t row(std::int64_t position) const;

 private:
  static constexpr std::size_t kRounds = 8;

  std::uint64_t permuted(std::uint64_t place) const;

  Random random_;
  std::uint64_t rows_;
  std::vector<std::uint32_t> listed_;             ///< empty where rows are computed
  int low_bits_ = 0;                              ///< a place in the network's domain is a low part of so many bits
  std::uint64_t highs_ = 0;                       ///< and a high part, below this
  std::array<std::uint64_t, kRounds> keys_ = {};  ///< of the epoch, one a round
};

}  // namespace millrace
