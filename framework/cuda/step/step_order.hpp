// On which stream each operation of a step runs, and what it waits for: found from the bytes that each reads and writes.
// Pure: no CUDA call.
#pragma once

#include "cuda/kernels/access.hpp"
#include "cuda/kernels/step_ops.hpp"

#include <array>
#include <cstddef>
#include <vector>

namespace millrace::cuda {

/// What each operation says of itself.
std::vector<Access> accesses_of(const Op& op);
/// Whether one of the two has to come before the other.
bool conflict(const std::vector<Access>& a, const std::vector<Access>& b);

/// The chain through the activations and the update; gradients of kernels, which the chain waits for at its end only; and aside of
/// both what is small or waits for others: sums over rows, over columns and over ranks, and what the host is told.
enum class StreamRole : std::uint8_t { chain, weights, aside };
inline constexpr std::size_t kStreams = 3;

struct StepOrder {
  struct Place {
    StreamRole stream = StreamRole::chain;
    std::vector<std::size_t> after;  ///< operations of other streams, earlier in the list
  };
  std::vector<Place> places;       ///< one an operation
  std::vector<std::size_t> joins;  ///< last operations of other streams, for which the chain waits at the end
};

/// `gradient` is the flat gradient: operations that write nothing else run beside the chain. Whatever runs in this order gives
/// what the list gives from its first to its last.
StepOrder order_of(const Ops& ops, const Access& gradient);

}  // namespace millrace::cuda
