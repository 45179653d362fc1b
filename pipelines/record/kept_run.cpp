// A checkpoint counts once the journal says so, on the disk: who goes on reads the journal, and never looks for files.
#include "kept_run.hpp"

#include "run/report/report_diagnostics.hpp"
#include "stalled_attempts.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr const char* kSaveFailed = "checkpoint-failed";

/// What ends a run whose `keep: {on_failed_save: stop}` wants it.
Error save_failure(const Error& error) {
  return {ErrorKind::output, kSaveFailed, "a checkpoint was not kept: " + error.message(),
          "make room, then `pipeline-run resume`: the last checkpoint that was kept is good"};
}

template <class Step>
void guarded(RunReport& report, const Step& step) {
  try {
    step();
  } catch (const Error& error) {
    add_lost_output(report, error);
  }
}

KeptBefore before_of(const Resumption& from, const std::string& folder) {
  KeptBefore before{from.states, {}, from.epochs};
  for (const KeptCheckpoint& kept : from.checkpoints) before.files.push_back({kept.position, folder + "/" + kept.path});
  return before;
}

}  // namespace

KeptRun::KeptRun(RunFolder folder, const ValidatedGraph& graph, const KeepSpec& kept, const SafetensorsMetadata& uses,
                 Resumption from)
    : from_(std::move(from)),
      recorder_(std::move(folder)),
      probes_(
          graph, recorder_.folder().attempt(), [this](const JournalLine& line) { return recorder_.try_append(line); },
          from_.probe),
      nodes_(kept_nodes(graph)),
      uses_(uses),
      ends_at_failed_save_(kept.ends_at_failed_save),
      keeper_(graph, recorder_.folder().checkpoints_folder(), checkpoint_policy(kept, uses),
              {.written = [this](const WrittenCheckpoint& written) { return keep(written); },
               .before_removal = [this] { recorder_.folder().claim().beat(); },
               .taken = [this](const std::string& node, const StatePosition& at) { probes_.taken(node, at); },
               .failed = [this](const Error& error) { not_kept(error); }},
              before_of(from_, recorder_.folder().path())),
      capsules_(graph, recorder_.folder().attempt_folder() + "/capsules") {
  if (kept.has_events) recorder_.write_events(from_.epochs);
  recorder_.when_told([this](const Metrics& metrics) { keeper_.epoch_told(metrics); });
  recorder_.when_stepped([this](const std::string& node, const StepProgress& at) { probes_.step(node, at); });
}

void KeptRun::attach(RunOptions& options) {
  recorder_.pass_on_to(options.observer);
  options.observer = &recorder_;
  options.states = &keeper_;
  options.failed_calls = &capsules_;
  options.loaded = from_.states;
  options.earlier_epochs = from_.epochs;
  if (!from_.states.empty())
    options.earlier_model = [this](const std::string& trainer) { return earlier_model(trainer); };
}

// The newest that lies at the end of an epoch and can be read: of what a run ends with for want of a better one nobody wants an error.
std::shared_ptr<const ModelSnapshot> KeptRun::earlier_model(const std::string& trainer) const {
  const auto node = std::find_if(nodes_.begin(), nodes_.end(), [&](const KeptNode& n) { return n.name == trainer; });
  if (node == nodes_.end() || node->model == nullptr) return nullptr;
  for (auto kept = from_.checkpoints.rbegin(); kept != from_.checkpoints.rend(); ++kept) {
    if (!kept->position.is_epoch_complete) continue;
    try {
      return read_checkpoint_snapshot(recorder_.folder().path() + "/" + kept->path, trainer, node->model, node->loss);
    } catch (const Error&) {
      continue;
    }
  }
  return nullptr;
}

bool KeptRun::keep(const WrittenCheckpoint& written) {
  const RunFolder& folder = recorder_.folder();
  const KeptCheckpoint kept{written.position, folder.checkpoint_place(written.name)};
  const bool is_new = recorder_.append_synced(checkpoint_line(folder.attempt(), kept, written.file));
  probes_.written(written.position);
  return is_new;
}

bool KeptRun::refuses_start(const RunReport& report) {
  const bool diverges = std::any_of(report.failures.begin(), report.failures.end(),
                                    [](const RunFailure& failure) { return failure.name == "resume-diverges"; });
  if (!diverges || from_.states.empty()) return false;
  recorder_.append_synced(refused_line(recorder_.folder().attempt(), from_.checkpoints.back()));
  return true;
}

// Whoever starts again what ends so would do it for ever.
void KeptRun::give_up_stalled(RunReport& report) const {
  if (report.exit_code != static_cast<int>(ErrorKind::stalled)) return;
  const int stalled = stalled_attempts(recorder_.folder().path(), recorder_.folder().attempt());
  if (stalled < kMostStalledAttempts) return;
  report.exit_code = static_cast<int>(ErrorKind::run);
  const std::string note =
      fmt::format("{} attempts in a row have ended like this and left no checkpoint: exit code {} and no longer {}",
                  stalled, report.exit_code, static_cast<int>(ErrorKind::stalled));
  for (RunFailure& failure : report.failures) failure.notes.push_back(note);
}

void KeptRun::not_kept(const Error& error) {
  if (ends_at_failed_save_) recorder_.end_run(save_failure(error));
}

// The run may have ended before anybody could end it for that.
void KeptRun::tell_failures(RunReport& report) {
  const std::optional<Error> error = keeper_.first_failure();
  if (!error) return;
  report.failed_saves = keeper_.failures();
  if (ends_at_failed_save_) {
    const auto is_told = [](const RunFailure& failure) { return failure.name == kSaveFailed; };
    if (std::ranges::none_of(report.failures, is_told)) add_lost_output(report, save_failure(*error));
    return;
  }
  warn(report, *error, kSaveFailed, "a checkpoint was not kept", keeper_.failures());
}

void KeptRun::warn(RunReport& report, const Error& error, const char* name, const char* what, std::uint64_t times) {
  RunWarning warning{error.problem()};
  warning.name = name;
  warning.message = std::string(what) + ": " + warning.message;
  warning.count = times;
  recorder_.log(render(diagnostic_of(warning)) + "\n");
  report.warnings.push_back(std::move(warning));
}

void KeptRun::tell_capsules(RunReport& report) {
  if (report.failures.empty()) return;
  capsules_.finish(read_past_run_to_damage(recorder_.folder().metrics_path()), path(), report);
}

// Weights alone, so that who goes on with the run takes its last checkpoint, and who uses its model takes this.
void KeptRun::keep_restored(const RunReport& report) {
  Checkpoint weights;
  weights.position.is_epoch_complete = true;
  weights.metadata = uses_;
  for (const EarlyStop& stop : report.early_stops)
    if (stop.is_restored) weights.position.epoch = std::max(weights.position.epoch, stop.best_epoch);
  if (weights.position.epoch == 0) return;
  for (const TrainedModel& trained : report.models)
    for (const KeptNode& node : nodes_) {
      if (node.name != trained.node || node.model == nullptr) continue;
      StageState state;
      state.put("weights", std::as_bytes(trained.model->weights()));
      weights.trainers.push_back({node.name, node.model, {}, std::move(state)});
    }
  const RunFolder& folder = recorder_.folder();
  const CheckpointFile file = write_checkpoint(folder.checkpoints_folder() + "/" + kRestoredFile, weights);
  recorder_.append_synced(
      checkpoint_line(folder.attempt(), {weights.position, folder.checkpoint_place(kRestoredFile), {}, true}, file));
}

void KeptRun::end(RunReport& report, const std::function<std::string()>& summary) {
  keeper_.finish();
  tell_failures(report);
  guarded(report, [&] { keep_restored(report); });
  guarded(report, [&] { tell_capsules(report); });
  give_up_stalled(report);
  if (const Diagnostics failures = failures_of(report); !failures.empty()) recorder_.log(render(failures));
  guarded(report, [&] { recorder_.close(); });
  guarded(report, [&] {
    if (report.exit_code == 0)
      recorder_.folder().finish(summary());
    else
      recorder_.folder().stop(summary());
  });
}

Monitor monitor_of(const KeepSpec& keep) { return {keep.monitor, keep.is_largest_best}; }

CheckpointPolicy checkpoint_policy(const KeepSpec& keep, const SafetensorsMetadata& uses) {
  CheckpointPolicy policy;
  policy.every_batches = keep.every_steps;
  policy.every = std::chrono::duration<double>(keep.every_seconds);
  policy.stay = {.keep_last = keep.last, .monitor = monitor_of(keep)};
  policy.metadata = uses;
  policy.ends_run = keep.ends_at_failed_save;
  return policy;
}

}  // namespace millrace::pipelines
