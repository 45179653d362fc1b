// Lists are in the order of the runs, so that a program needs no letters.
#include "comparison_json.hpp"

#include "report_json.hpp"

#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

Json differences_json(const std::vector<Difference>& differences) {
  Json list = Json::array();
  for (const Difference& difference : differences) {
    Json values = Json::array();
    for (const std::string& value : difference.values) values.push_back(value.empty() ? Json() : Json(value));
    list.push_back({{"path", difference.path}, {"values", values}});
  }
  return list;
}

Json metric_json(const Curve& curve) {
  Json object = {{"last", number_json(curve.points.back().value)}};
  if (const auto best = best_of(curve)) object.update({{"best", best->value}, {"best_epoch", best->epoch}});
  object["points"] = points_json(curve);
  return object;
}

Json run_json(const ComparedRun& run) {
  const RunRecord& record = run.record;
  Json object = {
      {"name", record.name}, {"run", record.folder}, {"status", record.status}, {"epochs", record.epochs_done}};
  if (record.seconds) object["seconds"] = *record.seconds;
  if (!record.weights_sha256.empty()) object["weights_sha256"] = record.weights_sha256;
  object["metrics"] = Json::object();
  for (const Curve& curve : record.curves)
    if (!is_time(curve.name)) object["metrics"][curve.name] = metric_json(curve);
  if (!record.tests.empty())
    object["test_set"] = {{"consulted", record.tests.size()}, {"ledger", test_ledger_json(record.tests)}};
  if (!record.damages.empty()) object["damaged"] = record.damages;
  return object;
}

}  // namespace

Json comparison_json(const std::vector<ComparedRun>& runs) {
  Json object = {{"schema", 1}, {"runs", Json::array()}};
  for (const ComparedRun& run : runs) object["runs"].push_back(run_json(run));
  object["config"] = differences_json(config_differences(runs));
  object["environment"] = differences_json(environment_differences(runs));
  return object;
}

}  // namespace millrace::pipelines
