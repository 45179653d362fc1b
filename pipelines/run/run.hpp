// Everything one run owns. Nothing of it is global to the process: several runs can live in one process at once.
#pragma once

#include "captures.hpp"
#include "graph_builder.hpp"
#include "packet_accounting.hpp"
#include "run/nodes/stage_context.hpp"
#include "run/report/run_history.hpp"
#include "run/report/watched_observer.hpp"
#include "run_memory.hpp"
#include "run_options.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace millrace::pipelines {

/// The life of one run, each step once, in the order in which they stand.
class Run {
 public:
  Run(ValidatedGraph& graph, const RunOptions& options);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// Runs to the end, whatever the end is.
  RunReport execute();

 private:
  void open_device();
  void make_flow();
  void live();
  void isolate_stages();
  void build();
  void tell_busy();
  PendingWork work_in_hand() const;
  void watch_calls();
  RunPosition position_of_call(std::size_t node) const;
  void tell_hung(std::size_t node);
  RunReport report_so_far();
  void open_stages();
  void load_state(std::size_t node);
  void flow();
  void account();
  void tell_rest();
  void discard_waiting();
  void save_at_stop();
  void close_stages();
  void tell_changed_floats();
  void measure_memory();
  void finish_with_peers();
  int threads() const;
  void guarded(void (Run::*step)());
  std::vector<RunFailure> first_failures() const;
  EpochCut cut() const;
  void tell_ending(const RunFailure& failure);
  void conclude(RunReport& report, const EpochCut& cut) const;
  RunReport take_report();

  ValidatedGraph& graph_;
  Peers* peers_;
  ActiveNodes* at_work_;
  std::chrono::steady_clock::time_point began_;
  StopState stop_;
  WatchedObserver observer_;
  RunHistory history_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<RunMemory> memory_;  ///< null until the device is open
  std::chrono::milliseconds device_timeout_;
  std::string worker_program_;
  bool strict_;
  StateSink* states_;
  FailedCallSink* failed_calls_;
  std::vector<NodeState> loaded_;
  std::vector<Metrics> earlier_epochs_;
  EarlierModel earlier_model_;
  Captures captures_;
  std::shared_ptr<CreditLedger> ledger_;
  std::vector<std::unique_ptr<StageContext>> contexts_;
  std::vector<std::unique_ptr<NodeAdapter>> nodes_;
  std::unique_ptr<FlowGraph> flow_;
  std::unique_ptr<EventWaiter> waiter_;
  std::unique_ptr<CallWatch> watch_;
  std::function<void(RunReport)> on_hung_;
  std::vector<std::size_t> opened_;                        ///< nodes whose open returned, in order
  std::atomic<std::size_t> opening_or_closing_{SIZE_MAX};  ///< a node, or none
  std::vector<std::size_t> sources_;                       ///< nodes, by line of the ledger
  std::vector<SourceCount> source_counts_;                 ///< when nothing moved any more
  std::uint32_t epochs_ = 0;                               ///< that each source owed
  std::vector<std::size_t> kept_;                          ///< by node: blocks and epochs that came back when it went
  std::atomic<std::uint64_t> ended_{UINT64_MAX};           ///< epochs that had, when nothing moved any more
  std::atomic<bool> is_ending_told_{false};
  bool stopped_ = true;  ///< by a failure or a signal; the run has not come to its own end
  RunReport report_;
};

}  // namespace millrace::pipelines
