// A run that is kept while it lasts: its folder, journal and log, and its checkpoints.
#pragma once

#include "capsules/capsule_keeper.hpp"
#include "checkpoints/checkpoint_keeper.hpp"
#include "checkpoints/past_run.hpp"
#include "checkpoints/probes.hpp"
#include "environment/environment.hpp"
#include "run/run_options.hpp"
#include "run_recorder.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Made before the run, used as its observer and sink of states, and ended behind it. One thread, but for what observers and sinks are told.
class KeptRun {
 public:
  /// `kept`: what is kept beside the journal. `uses`: what each checkpoint says beside what the format says itself. `from`: where the run goes on; its lines are in the folder's journal. Throws what RunRecorder throws.
  KeptRun(RunFolder folder, const ValidatedGraph& graph, const KeepSpec& kept, const SafetensorsMetadata& uses,
          Resumption from = {});

  const std::string& path() const { return recorder_.folder().path(); }
  RunRecorder& recorder() { return recorder_; }

  /// The run is told to this and loads what it goes on from. What was its observer before hears everything too.
  void attach(RunOptions& options);
  /// Warns of something that was not kept beside the run itself: in its report, and in its log.
  void warn(RunReport& report, const Error& error, const char* name, const char* what, std::uint64_t times = 1);
  /// Whether the run has failed because it does not go on as it went before (`resume-diverges`): what it went on from is then not taken again, and
  /// the journal says so. Before the end.
  bool refuses_start(const RunReport& report);
  /// The run is over: the last checkpoint is written, and the weights that the run has restored; `report` warns of checkpoints that could not be written, or has
  /// failed for them, as the policy says, and the journal is closed. `summary` is called then,
  /// and what it returns is the run's summary. What could not be written is one of the report's failures. Any thread, once.
  void end(RunReport& report, const std::function<std::string()>& summary);

 private:
  bool keep(const WrittenCheckpoint& written);
  void not_kept(const Error& error);
  void tell_failures(RunReport& report);
  void keep_restored(const RunReport& report);
  void give_up_stalled(RunReport& report) const;
  std::shared_ptr<const ModelSnapshot> earlier_model(const std::string& trainer) const;
  void tell_capsules(RunReport& report);

  Resumption from_;
  RunRecorder recorder_;
  Probes probes_;
  std::vector<KeptNode> nodes_;
  SafetensorsMetadata uses_;
  bool ends_at_failed_save_;
  CheckpointKeeper keeper_;
  CapsuleKeeper capsules_;
};

/// What `keep:` asks for.
Monitor monitor_of(const KeepSpec& keep);
CheckpointPolicy checkpoint_policy(const KeepSpec& keep, const SafetensorsMetadata& uses);

}  // namespace millrace::pipelines
