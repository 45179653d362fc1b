// The names are those of summary.json where that has the same thing.
#include "report_json.hpp"

#include "axis.hpp"
#include "bottleneck.hpp"
#include "validation/shown/validation_notes.hpp"
#include "validation/validation_json.hpp"
#include "verdict.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

Json point_json(const CurvePoint& point) { return {{"epoch", point.epoch}, {"value", number_json(point.value)}}; }

Json verdict_json(const Verdict& verdict) {
  Json object = {{"sentence", verdict.sentence}, {"trend", name_of(verdict.trend)}};
  if (!verdict.metric.empty()) object["metric"] = verdict.metric;
  if (verdict.best) object["best"] = point_json(*verdict.best);
  if (verdict.last) object["last"] = point_json(*verdict.last);
  if (!verdict.rule.empty()) object["rule"] = verdict.rule;
  return object;
}

Json curves_json(const RunRecord& record) {
  Json list = Json::array();
  for (const Curve& curve : record.curves) {
    Json object = {{"name", curve.name}, {"points", points_json(curve)}};
    if (const auto best = best_of(curve); best && !is_time(curve.name)) object["best"] = point_json(*best);
    list.push_back(std::move(object));
  }
  return list;
}

Json problems_json(const std::vector<ToldProblem>& problems) {
  Json list = Json::array();
  for (const ToldProblem& told : problems) {
    Json object = {{"name", told.name}, {"message", told.message}, {"count", told.count}};
    for (const auto& [key, text] : {std::pair("node", &told.node), {"place", &told.place}, {"help", &told.help}})
      if (!text->empty()) object[key] = *text;
    list.push_back(std::move(object));
  }
  return list;
}

Json pipeline_json(const RunRecord& record) {
  const std::vector<NodeShare> shares = shares_of(record);
  Json nodes = Json::array();
  for (std::size_t i = 0; i < shares.size(); ++i) {
    Json inputs = Json::array();
    for (const std::size_t input : record.nodes[i].inputs) inputs.push_back(record.nodes[input].name);
    nodes.push_back({{"name", record.nodes[i].name},
                     {"stage", record.nodes[i].stage},
                     {"inputs", inputs},
                     {"busy", shares[i].busy},
                     {"starved", shares[i].starved},
                     {"blocked", shares[i].blocked}});
  }
  Json object = {{"nodes", nodes}};
  if (const std::size_t limit = bottleneck_of(record); limit < record.nodes.size())
    object.update({{"bottleneck", record.nodes[limit].name}, {"in_words", bottleneck_text(record)}});
  return object;
}

Json models_json(const RunRecord& record) {
  Json list = Json::array();
  for (const ModelRow& model : record.models) {
    Json layers = Json::array();
    for (const LayerRow& layer : model.layers)
      layers.push_back({{"layer", layer.layer},
                        {"outputs", layer.outputs},
                        {"activation", layer.activation},
                        {"parameters", layer.parameters}});
    list.push_back({{"node", model.node},
                    {"inputs", model.inputs},
                    {"parameters", model.parameters},
                    {"layers", layers},
                    {"weights_sha256", model.weights_sha256}});
  }
  return list;
}

Json lineage_json(const RunRecord& record) {
  Json attempts = Json::array(), checkpoints = Json::array();
  for (const AttemptRow& row : record.attempts) {
    Json object = {{"attempt", row.number}, {"status", row.status}, {"started", row.started}, {"host", row.host}};
    if (row.first_epoch) object.update({{"first_epoch", *row.first_epoch}, {"last_epoch", *row.last_epoch}});
    attempts.push_back(std::move(object));
  }
  for (const CheckpointRow& row : record.checkpoints)
    if (row.is_there) checkpoints.push_back({{"path", row.path}, {"epoch", row.epoch}, {"batch", row.batch}});
  return {{"attempts", attempts}, {"checkpoints", checkpoints}};
}

}  // namespace

Json number_json(double value) { return std::isfinite(value) ? Json(value) : Json(value_text(value)); }

Json points_json(const Curve& curve) {
  Json points = Json::array();
  for (const CurvePoint& point : curve.points) points.push_back({point.epoch, number_json(point.value)});
  return points;
}

Json test_entry_json(const TestEntry& entry) {
  Json object = {{"epoch", entry.epoch},
                 {"checkpoint", entry.checkpoint},
                 {"weights_sha256", entry.weights_sha256},
                 {"time", entry.time},
                 {"metrics", Json::object()}};
  if (!entry.test_set_sha256.empty()) object["test_set_sha256"] = entry.test_set_sha256;
  for (const auto& [name, value] : entry.values) object["metrics"][name] = number_json(value);
  return object;
}

Json test_ledger_json(const std::vector<TestEntry>& entries) {
  Json list = Json::array();
  for (const TestEntry& entry : entries) list.push_back(test_entry_json(entry));
  return list;
}

Json report_json(const RunRecord& record) {
  Json object = {{"schema", 1},
                 {"run", record.folder},
                 {"name", record.name},
                 {"status", record.status},
                 {"epochs", record.epochs_done}};
  if (record.epochs_planned) object["epochs_planned"] = *record.epochs_planned;
  if (record.seconds) object["seconds"] = *record.seconds;
  object.update({{"verdict", verdict_json(verdict_of(record))}, {"curves", curves_json(record)}});
  object.update({{"failures", problems_json(record.failures)}, {"warnings", problems_json(record.warnings)}});
  object.update({{"pipeline", pipeline_json(record)}, {"models", models_json(record)}});
  if (!record.validations.empty()) object["validation"] = validation_json(record.validations)["models"];
  if (const std::string missing = validation_missing(record); !missing.empty()) object["validation_missing"] = missing;
  object["lineage"] = lineage_json(record);
  if (!record.tests.empty())
    object["test_set"] = {{"consulted", record.tests.size()}, {"ledger", test_ledger_json(record.tests)}};
  object["environment"] = Json::object();
  for (const NamedText& value : record.environment) object["environment"][value.name] = value.text;
  object["config"] = record.config;
  if (record.torn_bytes > 0) object["torn_bytes"] = record.torn_bytes;
  if (!record.unread.empty()) object["unread"] = record.unread;
  if (!record.damages.empty()) object["damaged"] = record.damages;
  return object;
}

}  // namespace millrace::pipelines
