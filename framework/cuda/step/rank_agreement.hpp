// What ranks tell each other behind their gradients, and when a rank acts on it. Pure: no CUDA call.
#pragma once

#include "nn/rank_flags.hpp"

#include <millrace/communicator.hpp>

#include <cstdint>

namespace millrace::cuda {

/// Ranks must do the same number of steps, or one waits for ever in a sum that the others do not enter. A host runs ahead of its
/// GPU by as much as it likes, so it may not act on a step when it happens to see that one's end: before step n it waits for
/// step n - kLag, on every rank, and acts on what was said then.
class RankAgreement {
 public:
  static constexpr std::size_t kLag = 8;

  explicit RankAgreement(Communicator& communicator) : communicator_(communicator) {}
  /// What this rank has to say of the next step: bit i for kStopSignals[i].
  std::uint32_t requested_stops() const { return nn::stop_bit(communicator_.requested_stop()); }
  static bool has_diverged(std::uint32_t flags) { return (flags >> nn::kDivergedBit & 1U) != 0; }
  /// Acts on StepState::flags of a step that is over, each once, in their order. Returns whether some rank has diverged.
  bool read_flags(std::uint32_t flags) const {
    if (has_diverged(flags)) return true;
    if (const int signal = nn::stop_signal(flags)) communicator_.on_stop_agreed(signal);
    return false;
  }

 private:
  Communicator& communicator_;
};

}  // namespace millrace::cuda
