// What a run has to tell its user: metrics by epoch, steps, models, texts. Collects it by node and passes it on.
#pragma once

#include "epoch_cut.hpp"
#include "run_observer.hpp"
#include "run_report.hpp"

#include <millrace/stage.hpp>

#include <chrono>
#include <map>
#include <mutex>
#include <set>

namespace millrace::pipelines {

/// Safe from any thread; the observer is never called twice at once. Races change nothing: values, models and texts
/// stand in the order of the nodes, and the same in every epoch.
class RunHistory final {
 public:
  /// `nodes`: names in the order of the graph; `ports`: what of their metrics is listed, in the order in which it is shown.
  /// `observer` may be null. Seconds count from `began`.
  RunHistory(std::vector<std::string> nodes, std::vector<ReportedPort> ports, RunObserver* observer,
             std::chrono::steady_clock::time_point began);

  /// What a node has sent on a metrics port. Throws Error("diverged", diverged) for a value that is not finite, and
  /// Error("metric-clash", run) for a name that another node has told in this epoch; nothing is kept of it then.
  void port_metrics(std::string_view node, std::string_view port, const Metrics& metrics);
  /// Values of the stage's own, as RunReporter::epoch_metrics has them. Throws as port_metrics.
  void own_metrics(std::string_view node, const Metrics& metrics);
  void step(const std::string& node, const StepProgress& progress);
  /// A node's model at the end of `epoch`; those before it are kept until the epoch has ended. Throws Error("diverged", diverged)
  /// for weights that are not finite; the models before stay.
  void model(std::string_view node, std::uint32_t epoch, std::shared_ptr<const ModelSnapshot> model);
  /// What a node that judges epochs has come to; takes the place of what it said before.
  void best_epoch(std::string_view node, const BestEpoch& best);
  /// What a node prints while it works on `epoch`; empty where that is unknown, and then it is passed on at once.
  void print(std::string_view node, std::optional<std::uint32_t> epoch, std::string_view text);
  /// Counts it, and tells it when its node has not said so before.
  void warning(RunWarning warning);
  /// What a node has taken in an epoch; told when that has ended.
  void rows_taken(const std::string& node, const RowAccount& account);
  void busy(const std::map<std::string, double>& seconds_by_node);
  /// Nothing of the epoch is alive any more: passes on what was printed up to it.
  void epoch_ended(std::uint32_t epoch);
  /// As RunObserver::ending.
  void ending(const RunFailure& failure);
  /// The run is over or waits for ever: passes on what was printed in epochs that have not ended, and what was held back.
  void finish();

  std::vector<Metrics> epochs(const EpochCut& cut = {}) const;
  /// The last model of each node that has one, in the order of the graph.
  std::vector<TrainedModel> models(const EpochCut& cut = {}) const;
  /// Those of `first` to `last` of which a metrics port has told nothing.
  std::vector<std::uint32_t> missing(std::string_view node, std::string_view port, std::uint32_t first,
                                     std::uint32_t last) const;
  std::vector<RunWarning> warnings() const;
  /// By node.
  std::map<std::string, BestEpoch> best_epochs() const;
  /// The node has told a step or a metric.
  bool has_worked(std::string_view node) const;
  /// Until the first step was reported; 0 when none was.
  double first_step_seconds() const;

 private:
  /// The values of an epoch, by place: one for each reported port, then one for each node's own.
  using Places = std::map<std::size_t, Metrics>;
  std::size_t index_of(std::string_view node) const;
  /// One value as the history shows it.
  struct Value {
    std::size_t place = 0;
    std::string name;
    double value = 0;
  };
  static void name_values(std::size_t place, const std::string& prefix, const Metrics& metrics,
                          std::vector<Value>& values);
  /// All of them, or none when one is refused.
  void add(std::uint32_t number, const std::vector<Value>& values);
  static void keep(const Value& value, Metrics& metrics);
  void require_free(const Places& epoch, const Value& value) const;
  std::string told_by(std::size_t place) const;
  const std::string& node_of(std::size_t place) const;
  /// All but the last of each node, among those of the epochs up to `epoch`.
  void forget_models(std::uint32_t epoch);
  static Metrics together(std::uint32_t number, const Places& epoch);
  void pass_on_texts(std::uint32_t last_epoch);
  void pass_on_accounts(std::uint32_t epoch);

  mutable std::mutex mutex_;
  std::vector<std::string> nodes_;
  std::vector<ReportedPort> ports_;
  RunObserver* observer_;
  std::chrono::steady_clock::time_point began_;
  std::map<std::uint32_t, Places> epochs_;
  std::map<std::pair<std::string, std::string>, std::set<std::uint32_t>> told_;  ///< epochs, by node and port
  std::map<std::size_t, std::map<std::uint32_t, TrainedModel>> models_;          ///< models by node and epoch
  std::map<std::uint32_t, std::map<std::size_t, std::string>> texts_;            ///< texts by epoch and node
  std::map<std::uint32_t, std::map<std::string, RowAccount>> accounts_;          ///< by epoch and node
  std::vector<RunWarning> warnings_;
  std::map<std::string, BestEpoch> best_epochs_;  ///< by node
  std::set<std::string, std::less<>> worked_;     ///< nodes that have told a step or a metric
  double first_step_ = 0;
};

}  // namespace millrace::pipelines
