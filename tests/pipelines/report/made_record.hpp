// Records of runs that never were.
#pragma once

#include "report/run_record.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace millrace::testing {

/// A metric whose epochs are counted from 1.
inline pipelines::Curve curve(const std::string& name, const std::vector<double>& values) {
  pipelines::Curve made{name, {}};
  for (std::size_t i = 0; i < values.size(); ++i) made.points.push_back({static_cast<std::uint32_t>(i + 1), values[i]});
  return made;
}

/// Finished, with these curves in this order.
inline pipelines::RunRecord record(std::vector<pipelines::Curve> curves) {
  pipelines::RunRecord made;
  made.folder = "runs/made-1";
  made.name = "made-1";
  made.status = "finished";
  made.reason = "done";
  made.seconds = 12.5;
  for (const pipelines::Curve& one : curves) made.epochs_done = std::max(made.epochs_done, one.points.back().epoch);
  made.epochs_planned = made.epochs_done;
  made.curves = std::move(curves);
  return made;
}

}  // namespace millrace::testing
