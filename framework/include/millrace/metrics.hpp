// Numbers a run reports, by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

/// The metrics of one epoch, in the order in which they are shown: loss and accuracy first, then `seconds` (of the steps,
/// wall clock) and `samples_per_second` where they apply.
struct Metrics {
  std::uint32_t epoch = 0;
  std::vector<std::pair<std::string, double>> values;

  void set(std::string name, double value) { values.emplace_back(std::move(name), value); }
  std::optional<double> find(std::string_view name) const {
    for (const auto& [key, value] : values)
      if (key == name) return value;
    return std::nullopt;
  }
};

/// Where a trainer stands; shown on the progress line. Sums cover the running epoch.
struct StepProgress {
  std::uint32_t epoch = 0;
  std::int64_t step = 0, steps = 0;  ///< steps done in this epoch, steps an epoch has
  std::int64_t samples = 0;          ///< samples trained in this epoch
  double loss = 0;                   ///< mean over those samples
  double accuracy = -1;              ///< mean over those samples; negative when not measured
  double seconds = 0;                ///< since the epoch's first step
};

}  // namespace millrace
