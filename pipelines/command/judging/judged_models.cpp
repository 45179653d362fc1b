// The rows go the way on which the evaluator has them, through the same stages in batches of the same rows: so as many come out right as it has counted.
#include "judged_models.hpp"

#include "class_tally.hpp"
#include "judged_rows.hpp"
#include "process/command_error.hpp"
#include "record/checkpoints/past_run.hpp"
#include "record/folder/run_parts.hpp"
#include "row_pictures.hpp"
#include "slice/model_rows.hpp"
#include "value_tally.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <set>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAccuracy = "accuracy";

const ValidatedNode* find(const ValidatedGraph& graph, const std::string& name) {
  const auto node = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                 [&](const ValidatedNode& each) { return each.name == name; });
  return node == graph.nodes.end() ? nullptr : &*node;
}

/// Several outputs with probabilities of their own are several questions, and neither classes nor quantities.
enum class Kind { classes, quantities, neither };
Kind kind_of(const ModelRows& way) {
  const Activation last = way.model->layers.back().activation;
  const bool is_one = way.model->outputs() == 1;
  if (last == Activation::softmax) return is_one ? Kind::neither : Kind::classes;
  if (!takes_probabilities(way.loss)) return Kind::quantities;
  return is_one ? Kind::classes : Kind::neither;
}

/// What the run calls the accuracy that the evaluator has measured; empty where it has measured none.
std::string accuracy_name(const ValidatedGraph& graph, const std::string& evaluator) {
  const ValidatedNode* const node = find(graph, evaluator);
  if (node == nullptr) return {};
  for (const ReportedPort& port : graph.reported)
    for (const auto& [output, names] : node->measures)
      if (port.node == evaluator && port.port == output &&
          std::find(names.begin(), names.end(), kAccuracy) != names.end())
        return port.prefix + kAccuracy;
  return {};
}

std::optional<std::int64_t> rows_of(const ValidatedGraph& graph, const OutputName& data) {
  const ValidatedNode* const node = find(graph, data.node);
  const PortSpec* const spec = node == nullptr ? nullptr : node->find_output(data.port);
  return spec == nullptr ? std::nullopt : spec->rows_per_epoch;
}

// Without pictures the rows are still known by their numbers.
void add_pictures(const CheckedConfig& checked, const JudgedModel& model, const SliceWatch& watch, Validation& found) {
  std::set<std::uint64_t> ids;
  for (const WorstRow& row : found.worst) ids.insert(row.row);
  const auto pictures = row_pictures(checked, model.way.source, std::move(ids), model.epoch, watch);
  for (WorstRow& row : found.worst)
    if (const auto picture = pictures.find(row.row); picture != pictures.end()) row.picture = picture->second;
}

void judge_classes(const CheckedConfig& checked, const JudgedModel& model, const SliceWatch& watch, Validation& found) {
  ClassTally tally(static_cast<std::size_t>(model.way.model->outputs()), model.way.classes);
  judge_rows(checked, model, watch, [&](const JudgedBatch& batch) { tally.add(batch); });
  tally.finish(found);
  found.metric = accuracy_name(checked.graph, model.way.end);
  add_pictures(checked, model, watch, found);
}

void judge_quantities(const CheckedConfig& checked, const JudgedModel& model, const SliceWatch& watch,
                      Validation& found) {
  ValueTally tally(static_cast<std::size_t>(model.way.model->outputs()), rows_of(checked.graph, model.way.data));
  judge_rows(checked, model, watch, [&](const JudgedBatch& batch) { tally.add(batch); });
  tally.finish(found);
}

KeptCheckpoint newest_checkpoint(const std::string& folder) {
  const PastRun past = read_past_run((fs::path(folder) / run_parts::kMetrics).string());
  const std::vector<KeptCheckpoint> stored = stored_checkpoints(past, folder);
  if (stored.empty()) throw Error(ErrorKind::data, "no-checkpoint", "the run has kept no checkpoint");
  return stored.front();
}

Validation judged(const CheckedConfig& checked, const ModelRows& way, const std::string& folder,
                  const SliceWatch& watch) {
  Validation found;
  found.node = way.trainer;
  try {
    const KeptCheckpoint newest = newest_checkpoint(folder);
    const JudgedModel model{way, (fs::path(folder) / newest.path).string(), newest.position.epoch};
    found.checkpoint = newest.path;
    found.epoch = newest.position.epoch;
    if (kind_of(way) == Kind::classes)
      judge_classes(checked, model, watch, found);
    else
      judge_quantities(checked, model, watch, found);
  } catch (...) {
    found = {};
    found.node = way.trainer;
    found.left_out = error_of(std::current_exception()).message();
  }
  return found;
}

}  // namespace

std::vector<Validation> judged_models(const CheckedConfig& checked, const std::string& folder,
                                      const SliceWatch& watch) {
  std::vector<Validation> all;
  for (const ModelRows& way : rows_of_each_model({checked.spec, checked.graph, checked.registry}))
    if (way.is_of_validation() && kind_of(way) != Kind::neither) all.push_back(judged(checked, way, folder, watch));
  return all;
}

}  // namespace millrace::pipelines
