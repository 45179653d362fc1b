// What a run has to tell its user: metrics by epoch, steps, the model, texts. Collects it and passes it on.
#pragma once

#include "runner.hpp"

#include <millrace/stage.hpp>

#include <chrono>
#include <mutex>

namespace millrace::pipelines {

/// Safe from any thread; the observer is never called twice at once.
class RunHistory final : public RunNews {
 public:
  /// `observer` may be null. Seconds count from `began`.
  RunHistory(RunObserver* observer, std::chrono::steady_clock::time_point began) : observer_(observer), began_(began) {}

  void epoch_metrics(const Metrics& metrics) override;
  void step(const StepProgress& progress) override;
  void model(std::shared_ptr<const ModelSnapshot> model) override;
  void print(std::string_view text) override;
  void busy(const std::map<std::string, double>& seconds_by_node);
  /// Nothing of the epoch is alive any more.
  void epoch_ended(std::uint32_t epoch);

  std::vector<Metrics> epochs() const;
  std::shared_ptr<const ModelSnapshot> last_model() const;
  /// Until the first step was reported; 0 when none was.
  double first_step_seconds() const;

 private:
  mutable std::mutex mutex_;
  RunObserver* observer_;
  std::chrono::steady_clock::time_point began_;
  std::map<std::uint32_t, Metrics> epochs_;
  std::shared_ptr<const ModelSnapshot> model_;
  double first_step_ = 0;
};

}  // namespace millrace::pipelines
