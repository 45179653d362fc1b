// What ranks tell each other behind the gradient, and the pieces in which gradients leave. Shared by all training steps.
#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::nn {

/// Floats behind the gradient, each 0 or 1; a sum over the ranks that is not 0 means that some rank has set it.
inline constexpr std::array<int, 3> kStopSignals{SIGINT, SIGTERM, SIGUSR1};
inline constexpr std::size_t kDivergedFlag = kStopSignals.size(), kFlags = kStopSignals.size() + 1;

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
