// Finds the ranks that keep the others waiting: asks every rank how far it is, and names those that are behind or do not answer.
#pragma once

#include "mpi_channel.hpp"
#include "mpi_messages.hpp"

#include <optional>
#include <string>
#include <vector>

namespace millrace::comm {

/// One question to all ranks. The MPI thread only.
class LivenessProbe {
 public:
  /// Asks. `entered`: the collective of `channel` that is waited for; 0 asks only which ranks are alive.
  LivenessProbe(MessageBox& box, int rank, int size, int channel, std::uint64_t entered, Clock::duration patience);
  void answer(int from, const Message& message);
  /// Everybody has answered, or the patience is over.
  bool is_over(Clock::time_point now) const;
  /// "rank 2 did not come to it", "ranks 1, 3 do not answer"; empty when nobody is to blame.
  std::string blame() const;
  int channel() const { return channel_; }

 private:
  int rank_, channel_;
  std::uint64_t entered_;
  Clock::time_point until_;
  std::vector<std::optional<std::uint64_t>> answers_;  ///< one answer a rank
};

}  // namespace millrace::comm
