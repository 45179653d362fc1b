// Collectives as rounds of messages between pairs of ranks. Plain data: how a message travels is somebody else's affair.
//
// They are ours, and not MPI's, because these can be given up when a rank is lost, know for whom they wait, and have one
// order of summation by construction.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace millrace::comm {

/// One send and one receive that may overlap. Rounds follow each other.
struct Round {
  int to = -1;  ///< -1: sends nothing
  const std::byte* out = nullptr;
  std::size_t out_bytes = 0;
  int from = -1;  ///< -1: receives nothing
  std::byte* in = nullptr;
  std::size_t in_bytes = 0;
  float* sum_into = nullptr;  ///< the floats received are added here once the round is over; null: they stay at `in`
};
/// Does what is to be done when a round's messages have gone and come.
void end_round(const Round& round);

/// Sums `values` over all ranks: in `size` chunks that each go around once to be summed and once to be spread, so every
/// rank sends 2 (size - 1) / size of its bytes. Chunk c is the sum in the order c, c+1, ... (mod size) on every rank.
/// `scratch` holds ring_scratch(size, values.size()) floats; both live until the last round is over.
/// Source: Patarasuk, Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009.
std::vector<Round> ring_sum(int rank, int size, std::span<float> values, std::span<float> scratch);
std::size_t ring_scratch(int size, std::size_t count);

/// Spreads parts of `each` bytes: part `rank` of `all` is this rank's, the others are filled in.
std::vector<Round> ring_gather(int rank, int size, std::span<std::byte> all, std::size_t each);

}  // namespace millrace::comm
