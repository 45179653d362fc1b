// A snapshot belongs to the trainer whose layers it has: the same object, also of one that was loaded.
#include "early_stops.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

std::string prefix_of(const ValidatedGraph& graph, const ValidatedNode& node, const std::string& input) {
  for (const ValidatedEdge& edge : node.inputs)
    for (const ReportedPort& port : graph.reported)
      if (edge.port == input && graph.nodes[edge.from_node].name == port.node && edge.from_port == port.port)
        return port.prefix;
  return {};
}

bool restore(const std::shared_ptr<const ModelSnapshot>& best, RunReport& report) {
  for (TrainedModel& trained : report.models) {
    if (!best || &trained.model->model() != &best->model()) continue;
    trained.model = best;
    return true;
  }
  return false;
}

EarlyStop early_stop_of(const ValidatedGraph& graph, const ValidatedNode& node, const BestEpoch& best,
                        const RunReport& report) {
  EarlyStop stop{node.name, prefix_of(graph, node, best.input) + best.metric, best.epoch, best.value, best.waits};
  if (report.exit_code != 0) return stop;
  const std::uint32_t last = best.decided_at + 1;
  if (best.decided_at != 0 && last < graph.epochs && !report.epochs.empty() && report.epochs.back().epoch == last) {
    stop.decided_at = best.decided_at;
    stop.ended_after = last;
  }
  return stop;
}

bool is_of_same_model(const BestEpoch& a, const BestEpoch& b) {
  return a.model && b.model && &a.model->model() == &b.model->model();
}

// Several may judge one trainer. It ends with the weights that one of them calls best: the one that has ended the run, else the first.
void restore_all(const std::vector<BestEpoch>& best, RunReport& report) {
  std::vector<std::size_t> order(best.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_partition(order.begin(), order.end(),
                        [&](std::size_t i) { return report.early_stops[i].ended_after != 0; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool is_taken =
        std::any_of(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](std::size_t before) { return is_of_same_model(best[before], best[order[i]]); });
    report.early_stops[order[i]].is_restored = !is_taken && restore(best[order[i]].model, report);
  }
}

}  // namespace

void add_early_stops(const ValidatedGraph& graph, const std::map<std::string, BestEpoch>& best_epochs,
                     RunReport& report) {
  std::vector<BestEpoch> judged;
  for (const ValidatedNode& node : graph.nodes) {
    const auto best = best_epochs.find(node.name);
    if (best == best_epochs.end()) continue;
    report.early_stops.push_back(early_stop_of(graph, node, best->second, report));
    judged.push_back(best->second);
  }
  if (report.exit_code == 0) restore_all(judged, report);
  if (!report.early_stops.empty()) take_single_model(graph, report);
}

std::string early_stop_text(const EarlyStop& stop) {
  const std::string best = stop.best_epoch == 0
                               ? "none was finite"
                               : fmt::format("best {:.6g} at epoch {}", stop.best_value, stop.best_epoch);
  const std::string weights = stop.is_restored ? ", whose weights it ends with" : "";
  if (stop.ended_after == 0) return fmt::format("{}: {}{}", stop.metric, best, weights);
  return fmt::format("stopped early after epoch {}: at the end of epoch {} {} had not become better for {}; {}{}",
                     stop.ended_after, stop.decided_at, stop.metric, counted(stop.patience, "epoch"), best, weights);
}

}  // namespace millrace::pipelines
