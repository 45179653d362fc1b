// Counter-based random numbers: Philox4x32-10. A number is a function of (seed, purpose, counter) and of nothing else, so it
// does not matter which thread asks, when, or after what.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <millrace/detail/export.hpp>

#include <array>
#include <cstdint>
#include <span>
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
  /// A permutation of 0..n-1 (Fisher-Yates from the top).
  std::vector<std::uint32_t> permutation(std::uint32_t n, std::uint32_t epoch) const;
  /// The same in memory that is there already: writes a permutation of 0..order.size()-1. Allocates nothing.
  void permute(std::span<std::uint32_t> order, std::uint32_t epoch) const;

  PhiloxKey key() const { return key_; }

 private:
  PhiloxKey key_;
};

/// The seed of the `number`-th of several that draw from one seed, from 1. The first has the seed itself.
MILLRACE_EXPORT std::uint64_t numbered_seed(std::uint64_t seed, std::int64_t number);

/// 24 random bits as a float32 in [0, 1).
constexpr float to_unit_float(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1.0p-24F; }

}  // namespace millrace
