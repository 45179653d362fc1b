// Two kept runs by what their journals say of the epochs that both have.
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

struct PastEpochs {
  std::uint32_t common = 0;   ///< epochs that both have told
  std::uint32_t parting = 0;  ///< the first whose values differ in any bit, or behind which the weights do; 0: none
  std::vector<PartingValue> values;  ///< of that epoch
};

/// Values that a clock decides are not compared, nor those that only one of them has. `a`, `b`: folders of runs.
PastEpochs compare_epochs(const std::string& a, const std::string& b);

}  // namespace millrace::pipelines
