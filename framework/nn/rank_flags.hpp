// What ranks tell each other behind the gradient, and the pieces in which gradients leave. Shared by all training steps.
#pragma once

#include <millrace/detail/host_device.hpp>
#include <millrace/detail/stop_signals.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::nn {

/// Floats behind the gradient, 0 or more; a sum over the ranks that is not 0 means that some rank has set it. How many they are is
/// part of what gives bits: sums over more than two ranks are cut by the number of floats. So signals share the flags for them.
inline constexpr std::size_t kStopFlags = 3, kDivergedFlag = kStopFlags, kFlags = kStopFlags + 1;

/// What is told of a step, as bits: bit i for kStopSignals[i], and this one when a loss or gradient was not finite.
inline constexpr std::size_t kDivergedBit = kStopSignals.size();

/// The bit of a signal; none for 0.
inline std::uint32_t stop_bit(int signal) {
  for (std::size_t i = 0; i < kStopSignals.size(); ++i)
    if (signal == kStopSignals[i]) return 1U << i;
  return 0;
}
/// The first signal among the bits of a step; 0 when there is none.
inline int stop_signal(std::uint32_t bits) {
  for (std::size_t i = 0; i < kStopSignals.size(); ++i)
    if ((bits >> i & 1U) != 0) return kStopSignals[i];
  return 0;
}

/// Signal i sets flag i % kStopFlags to this: so much more than signal i - kStopFlags that no sum over ranks of the smaller comes near.
MILLRACE_HOST_DEVICE constexpr float stop_weight(std::size_t i) {
  constexpr float kFar = 0x1p40F;
  float weight = 1;
  for (std::size_t turn = i / kStopFlags; turn > 0; --turn) weight *= kFar;
  return weight;
}
static_assert(stop_weight(kStopSignals.size() - 1) < 1e30F);  // times the ranks it stays finite

/// This rank's flags of a step, from the bits of the signals that it was sent.
MILLRACE_HOST_DEVICE inline void set_rank_flags(std::uint32_t stop_bits, bool is_finite, float* flags) {
  for (std::size_t f = 0; f < kStopFlags; ++f) flags[f] = 0;
  for (std::size_t i = 0; i < kDivergedBit; ++i)
    if ((stop_bits >> i & 1U) != 0) flags[i % kStopFlags] += stop_weight(i);
  flags[kDivergedFlag] = is_finite ? 0.0F : 1.0F;
}
/// The bits of a step from flags that are summed over the ranks. Of signals that share a flag the last is told.
MILLRACE_HOST_DEVICE inline std::uint32_t bits_of_flags(const float* flags) {
  std::uint32_t bits = flags[kDivergedFlag] == 0 ? 0U : 1U << kDivergedBit;
  for (std::size_t i = 0; i < kDivergedBit; ++i) {
    const std::size_t above = i + kStopFlags;
    const bool is_told = flags[i % kStopFlags] >= stop_weight(i);
    if (is_told && (above >= kDivergedBit || flags[i % kStopFlags] < stop_weight(above))) bits |= 1U << i;
  }
  return bits;
}

/// Gradients go out in pieces of at least this many floats, while those of earlier layers are still being found. Measured
/// in decision 0023.
inline constexpr std::int64_t kBucketFloats = 1 << 16;

/// Layers whose gradients travel together.
struct GradientBucket {
  std::int64_t first = 0, end = 0;  ///< floats of the flat buffer
  std::size_t first_layer = 0, end_layer = 0;
};

/// From the last layer to the first, as the backward pass finds them. The gradient of layer i begins at `starts[i]`; the last
/// one ends at `end`, and the flags behind it go with it.
inline std::vector<GradientBucket> gradient_buckets(std::span<const std::int64_t> starts, std::int64_t end) {
  std::vector<GradientBucket> buckets;
  end += static_cast<std::int64_t>(kFlags);
  std::size_t end_layer = starts.size();
  for (std::size_t i = starts.size(); i-- > 0;) {
    if (end == starts[i] && !buckets.empty()) {  // a layer without weights sends nothing of its own
      buckets.back().first_layer = end_layer = i;
      continue;
    }
    if (end - starts[i] < kBucketFloats && i > 0) continue;
    buckets.push_back({starts[i], end, i, end_layer});
    end = starts[i];
    end_layer = i;
  }
  return buckets;
}

}  // namespace millrace::nn
