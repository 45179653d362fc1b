// Two kept runs by what their journals say of the epochs that both have, and by the weights that they end with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct PartingValue {
  std::string name;
  double a = 0, b = 0;
};

/// The model that a finished run has ended with.
struct EndedModel {
  std::string weights_sha256;
  std::uint32_t epoch = 0;  ///< behind which its weights were those: of a restored one not the last
};

/// One of a trainer that both have, with other weights in A than in B.
struct PartingEnd {
  std::string node;
  EndedModel a, b;
};

struct PastEpochs {
  std::uint32_t common = 0;              ///< epochs that both have told
  std::uint32_t told_a = 0, told_b = 0;  ///< that each has told
  bool is_untrained = false;             ///< one of them was to have no epoch
  /// The first epoch whose values differ in any bit, or behind which the weights do; 0: before any training; nothing: none does.
  std::optional<std::uint32_t> parting;
  std::vector<PartingValue> values;  ///< of that epoch
  /// Models that differ though no epoch does, because the runs end with those of different epochs; of equally many epochs alone. Where they part before
  /// any training, the models that do.
  std::vector<PartingEnd> ends;

  bool are_equal() const { return !parting && ends.empty(); }
};

/// Values that a clock decides are not compared, nor those that only one of them has. `a`, `b`: folders of runs.
PastEpochs compare_epochs(const std::string& a, const std::string& b);

}  // namespace millrace::pipelines
