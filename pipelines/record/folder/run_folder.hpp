// The folder of a run: made, opened, and where its parts lie. Decision 0073 has the reasons.
#pragma once

#include "held_claim.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace millrace::pipelines {

/// What is written before anything is trained.
struct NewRun {
  std::string name;         ///< of the config
  std::string config;       ///< text of config.yaml
  std::string environment;  ///< text of environment.json
};

/// An attempt at a run that this process holds the claim of. What it writes lies below attempt_folder(), which no other process writes
/// into; the run's own folder shows it by links, as long as this is the newest attempt. Any thread.
class RunFolder {
 public:
  /// Makes `runs`/<name>-<n>, n being the next number that no entry of `runs` has; of processes that do so at once each gets a number of its own. What
  /// was made is gone where the rest cannot be. Throws Error("output-unwritable", output) with the ways out as help.
  /// `prepare` writes what the run begins with, before it counts.
  static RunFolder make(const std::string& runs, const NewRun& run,
                        const std::function<void(const RunFolder&)>& prepare = {});
  /// The next attempt at the run that `folder` is. `environment` is that of this attempt. Throws Error of kind output: run-in-use while another process
  /// holds it, run-finished, output-unwritable; no-run-folder, of kind usage.
  /// `prepare` as for make: until then the attempt before is the run.
  static RunFolder open(const std::string& folder, const std::string& environment,
                        const std::function<void(const RunFolder&)>& prepare = {});

  /// As it was given, or made of what was given: "runs/mnist_mlp-3".
  const std::string& path() const { return path_; }
  std::int64_t attempt() const { return claim_->attempt(); }
  std::string attempt_folder() const;
  std::string metrics_path() const;
  std::string checkpoints_folder() const;
  std::string log_path() const;
  /// Where this attempt's checkpoint `name` lies, from the run's folder on: so the journal has it.
  std::string checkpoint_place(const std::string& name) const;
  /// Of the page that the attempt leaves at its end.
  std::string report_path() const;
  /// Of what the newest model makes of the validation rows.
  std::string validation_path() const;

  HeldClaim& claim() { return *claim_; }
  const HeldClaim& claim() const { return *claim_; }

  /// The run is done: summary.json of the run, for ever. Throws claim-lost, output-unwritable, and Error("run-finished", output) where another
  /// process has done that before.
  void finish(const std::string& summary);
  /// This attempt has ended otherwise: summary.json beside what it wrote. Another attempt may go on. Throws output-unwritable.
  void stop(const std::string& summary);

 private:
  RunFolder(std::string path, Claim claim);
  void begin_attempt(const std::string& environment, const std::function<void(const RunFolder&)>& prepare);
  void show_attempt();

  std::string path_;
  std::unique_ptr<HeldClaim> claim_;
};

/// `name` as a part of a file's name that every file system takes: no longer than a hundred bytes, and never empty.
std::string file_name_of(const std::string& name);

}  // namespace millrace::pipelines
