// What a run is given beside its graph.
#pragma once

#include "report/active_nodes.hpp"
#include "report/capture.hpp"
#include "report/failed_call.hpp"
#include "report/run_observer.hpp"
#include "report/run_report.hpp"
#include "report/state_sink.hpp"

#include <millrace/peers.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct RunOptions {
  RunObserver* observer = nullptr;
  /// Set from outside to n to stop after the current batch with exit code 128+n. May be null.
  const std::atomic<int>* stop_signal = nullptr;
  /// A device that has work and gets none of it done for this long is given up: Error("device-hung", stalled).
  std::chrono::milliseconds device_timeout{60'000};
  /// The other processes of the run, or null. With peers it is they who watch for the signal and agree to stop.
  Peers* peers = nullptr;
  /// Tells which nodes are at work while the run lasts. May be null.
  ActiveNodes* at_work = nullptr;
  /// A call has lasted longer than its node allows, and may never return: told what the run has come to, on a thread of its own
  /// while everything else goes on. A program that must not wait ends the process here. May be empty.
  std::function<void(RunReport)> on_hung;
  /// The program that serves stages in processes of their own: pipeline-run. Empty: no node can be isolated.
  std::string worker_program;
  /// A warning of a stage is a failure.
  bool strict = false;
  /// Takes the states of stages, so that another run can go on from them. May be null.
  StateSink* states = nullptr;
  /// Is told of each call that throws. May be null.
  FailedCallSink* failed_calls = nullptr;
  /// Loaded into the stages of their nodes once they are open: a run that goes on from ValidatedGraph::first_epoch.
  std::vector<NodeState> loaded = {};
  /// What the epochs before the first have come to; stands first in the report.
  std::vector<Metrics> earlier_epochs = {};
  /// Asked of each trainer of which none of this run's own epochs has given a model. May be empty.
  EarlierModel earlier_model;
  /// Who is told what passes at outputs of nodes. Where there are any, the run ends as soon as none of them wants more: in order, and
  /// not as a failure.
  std::vector<Capture> captures = {};
};

}  // namespace millrace::pipelines
