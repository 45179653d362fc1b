#include "run_report.hpp"

namespace millrace::pipelines {

std::optional<double> reduction_deviation(const RunReport& report) {
  if (report.epochs.empty()) return std::nullopt;
  for (const auto& [name, value] : report.epochs.back().values)
    if (name.ends_with("reduction_deviation")) return value;
  return std::nullopt;
}

}  // namespace millrace::pipelines
