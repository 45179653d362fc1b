// Keeps what calls were given that have thrown, while a run lasts.
#pragma once

#include "capsule.hpp"
#include "record/checkpoints/past_run.hpp"
#include "run/report/failed_call.hpp"
#include "run/report/run_report.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// What the inputs of a capsule may take; a call that was given more is told and not kept.
inline constexpr std::size_t kMostCapsuleBytes = std::size_t{256} << 20;

/// Writes FOLDER/NODE-EPOCH-PACKET for the first packet of each node whose call has thrown. Throws nothing: the run has failed already, and what goes wrong
/// here is a note on its failure. No capsule is made of nodes that take a model, of those that take several inputs one by one, and of what lies on a device.
class CapsuleKeeper final : public FailedCallSink {
 public:
  /// `graph` outlives this.
  CapsuleKeeper(const ValidatedGraph& graph, std::string folder) : graph_(graph), folder_(std::move(folder)) {}

  void failed(const FailedCall& call) noexcept override;
  /// The run is over: adds the state of the run's newest checkpoint to capsules of nodes that keep one, and to each failure of `report` a note that says
  /// where its capsule lies, or why there is none.
  void finish(const PastRun& past, const std::string& run_folder, RunReport& report) noexcept;

 private:
  struct Kept {
    std::uint32_t epoch = 0;
    std::uint64_t packet = 0;
    std::string path;  ///< empty: not kept
    std::string why;   ///< then
  };
  /// Whether this is the first packet of the node so far that has failed.
  bool is_first(const FailedCall& call);
  void keep(const FailedCall& call, Kept& kept);
  void add_state(const std::string& node, const Kept& kept, const PastRun& past, const std::string& run_folder) const;

  const ValidatedGraph& graph_;
  std::string folder_;
  std::mutex mutex_;  ///< guards kept_
  std::map<std::string, std::vector<Kept>> kept_;
};

}  // namespace millrace::pipelines
