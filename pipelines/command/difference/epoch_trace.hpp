// What passed in one epoch of a run, at all edges, as hashes; and where two of these part.
#pragma once

#include "row_hash.hpp"
#include "run/report/capture.hpp"
#include "run/report/run_observer.hpp"
#include "slice/slice.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Where a trainer stood behind a batch.
struct StepLoss {
  std::int64_t samples = 0;  ///< of the epoch so far
  double loss = 0;           ///< mean over them
};

struct EdgeTrace {
  OutputName output;
  std::vector<RowHash> rows;
};

struct EpochTrace {
  std::deque<EdgeTrace> edges;                         ///< in the order of the graph
  std::map<std::string, std::vector<StepLoss>> steps;  ///< by trainer
};

/// Takes the trace of one epoch while a run lasts.
class EpochTracer final : public RunObserver {
 public:
  explicit EpochTracer(std::uint32_t epoch) : epoch_(epoch) {}

  /// Of an output; in the order of the graph. This outlives the capture.
  Capture capture(const OutputName& output);
  void step(const std::string& node, const StepProgress& progress) override;
  /// The run is over: rows in their order.
  EpochTrace take();

 private:
  std::uint32_t epoch_;
  EpochTrace trace_;
};

/// Where two epochs part first: by row, then by the order of the graph.
struct PartingPoint {
  OutputName output;                       ///< of a trainer's loss the port is empty
  std::uint64_t row = 0;                   ///< kEpochEnd: behind the last one
  std::uint64_t batch = 0;                 ///< the packet or step of the first run, from 1
  std::optional<StepLoss> a = {}, b = {};  ///< of a trainer
  bool is_missing = false;                 ///< one of the runs has no such row
};

std::optional<PartingPoint> first_parting(const EpochTrace& a, const EpochTrace& b);

}  // namespace millrace::pipelines
