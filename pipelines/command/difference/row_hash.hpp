// 64-bit hashes of what passes at an edge: one a row, so that it does not matter how rows are cut into packets.
#pragma once

#include <millrace/metrics.hpp>
#include <millrace/packet.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

/// What lies behind all rows of an epoch: metrics and models.
inline constexpr std::uint64_t kEpochEnd = UINT64_MAX;

struct RowHash {
  std::uint64_t row = 0;    ///< its position in the epoch
  std::uint64_t batch = 0;  ///< the packet that it came in, from 1
  std::uint64_t hash = 0;
};

/// Adds the rows of a packet: who they are, stored values, and how they are stored. Of metrics and of a model one hash.
void add_hashes(const Packet& packet, std::uint64_t batch, std::vector<RowHash>& to);

/// Whether a clock decides the value: `seconds`, `val_samples_per_second`.
bool is_of_the_clock(std::string_view metric);

}  // namespace millrace::pipelines
