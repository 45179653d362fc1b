// Says where a failure is, adds that of an output, picks the model of the only trainer as that of the run, and reads the reduction's deviation from the last
// epoch's metrics.
#include "run_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::pipelines {

RunFailure failure_of_node(std::string node, std::string stage, const Location& where, Problem problem) {
  RunFailure failure{std::move(problem), std::move(node), std::move(stage)};
  failure.where = where;
  return failure;
}

RunFailure failure_of_node(const ValidatedNode& node, Problem problem) {
  return failure_of_node(node.name, node.info->name, node.where, std::move(problem));
}

std::string node_text(std::string_view node, std::string_view stage) {
  return fmt::format("node `{}` (stage {})", node, stage);
}

void add_lost_output(RunReport& report, const Error& error) {
  report.failures.push_back({error.problem()});
  if (report.exit_code != 0) return;
  report.exit_code = static_cast<int>(ErrorKind::output);
  report.reason = "output lost";
}

void add_earlier_models(const ValidatedGraph& graph, const EarlierModel& model_of, RunReport& report) {
  std::vector<TrainedModel> all;
  auto next = report.models.begin();
  for (const ValidatedNode& node : graph.nodes) {
    if (next != report.models.end() && next->node == node.name)
      all.push_back(std::move(*next++));
    else if (graph.is_trainer(node))
      if (auto model = model_of(node.name)) all.push_back({node.name, std::move(model)});
  }
  report.models = std::move(all);
}

// Of several trainers none is the run's, also when only one of them has come to the end of an epoch.
void take_single_model(const ValidatedGraph& graph, RunReport& report) {
  const auto trainers = std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                      [&](const ValidatedNode& node) { return graph.is_trainer(node); });
  if (trainers > 1) return;
  for (const TrainedModel& trained : report.models) {
    const auto node = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                   [&](const ValidatedNode& n) { return n.name == trained.node; });
    if (trainers == 1 ? !graph.is_trainer(*node) : report.models.size() > 1) continue;
    report.model = trained.model;
    report.weights_sha256 = trained.model->weights_sha256();
  }
}

std::optional<double> reduction_deviation(const RunReport& report) {
  if (report.epochs.empty()) return std::nullopt;
  for (const auto& [name, value] : report.epochs.back().values)
    if (name.ends_with("reduction_deviation")) return value;
  return std::nullopt;
}

}  // namespace millrace::pipelines
