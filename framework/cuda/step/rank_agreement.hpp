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
  /// What this rank has to say of the next step: bit i for nn::kStopSignals[i].
  std::uint32_t requested_stops() const {
    const int signal = communicator_.requested_stop();
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < nn::kStopSignals.size(); ++i)
      if (signal == nn::kStopSignals[i]) bits |= 1U << i;
    return bits;
  }
  static bool has_diverged(std::uint32_t flags) { return (flags >> nn::kDivergedFlag & 1U) != 0; }
  /// Acts on StepState::flags of a step that is over, each once, in their order. Returns whether some rank has diverged.
  bool read_flags(std::uint32_t flags) const {
    if (has_diverged(flags)) return true;
    for (std::size_t i = 0; i < nn::kStopSignals.size(); ++i)
      if ((flags >> i & 1U) != 0) {
        communicator_.on_stop_agreed(nn::kStopSignals[i]);
        break;
      }
    return false;
  }

 private:
  Communicator& communicator_;
};

}  // namespace millrace::cuda
