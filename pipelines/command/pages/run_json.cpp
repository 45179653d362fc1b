// Texts of plugins are shortened; what was not measured is absent rather than null.
#include "run_json.hpp"

#include "command/terminal/answer.hpp"
#include "diagnostics/problem_json.hpp"
#include "layers_json.hpp"
#include "process/process_info.hpp"
#include "record/environment/run_info_json.hpp"
#include "run_summary.hpp"

#include <millrace/detail/build_info.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

std::string processor() {
  const DeviceReport cpu = report_cpu();  // not list_devices(), which would open every GPU
  return fmt::format("{}, {}", cpu.name, cpu.detail);
}

Json epoch_object(const Metrics& metrics) {
  Json object = {{"epoch", metrics.epoch}};
  for (const auto& [name, value] : metrics.values) object[name] = value;
  return object;
}

Json model_object(const ModelSnapshot& model) {
  return {{"weights_sha256", model.weights_sha256()},
          {"parameters", model.model().parameters()},
          {"epochs_trained", model.epoch()},
          {"inputs", model.model().inputs},
          {"layers", layers_json(model.model())}};
}

/// The nodes that feed one.
Json inputs_of(const ValidatedGraph& graph, const ValidatedNode& node) {
  Json names = Json::array();
  for (const ValidatedEdge& edge : node.inputs) names.push_back(graph.nodes[edge.from_node].name);
  return names;
}

Json node_object(const NodeReport& node) {
  return {{"stage", node.stage},     {"busy", node.busy},       {"starved", node.starved},    {"blocked", node.blocked},
          {"packets", node.packets}, {"emitted", node.emitted}, {"discarded", node.discarded}};
}

void add_place(const Location& where, Json& object) {
  if (where.source) object.update({{"file", where.source->name}, {"line", where.line}, {"column", column_of(where)}});
}

Json failure_object(const RunFailure& failure) {
  Json object = Json::object();
  add_members(object, failure, {"name", "message"});
  if (!failure.node.empty())
    object.update(
        {{"node", failure.node}, {"stage", failure.stage}, {"epoch", failure.epoch}, {"packet", failure.packet}});
  if (failure.batch > 0) object["batch"] = failure.batch;
  add_place(failure.where, object);
  add_members(object, failure, {"help", "notes"});
  return object;
}

Json warning_object(const RunWarning& warning) {
  Json object = Json::object();
  add_members(object, warning, {"name", "message"});
  object.update({{"node", warning.node}, {"stage", warning.stage}});
  add_place(warning.where, object);
  add_members(object, warning, {"help"});
  object["count"] = warning.count;
  return object;
}

Json early_stop_object(const EarlyStop& stop) {
  Json object = {{"metric", stop.metric}};
  if (stop.ended_after != 0) object.update({{"epoch", stop.ended_after}, {"decided_at", stop.decided_at}});
  if (stop.best_epoch != 0) object.update({{"best_epoch", stop.best_epoch}, {"best", stop.best_value}});
  object["restored"] = stop.is_restored;
  return object;
}

Json device_object(const DeviceTimes& times) {
  Json object = {{"seconds", times.seconds},
                 {"busy", times.busy},
                 {"idle", {{"input", times.idle_input}, {"launch", times.idle_launch}, {"sync", times.idle_sync}}},
                 {"copy", times.copy},
                 {"copy_hidden", times.copy_hidden}};
  if (times.idle_communication) object["idle"]["communication"] = *times.idle_communication;
  return object;
}

void add_lists(const ValidatedGraph& graph, const RunReport& report, Json& object) {
  object["epochs"] = Json::array();
  for (const Metrics& metrics : report.epochs) object["epochs"].push_back(epoch_object(metrics));
  for (const EarlyStop& stop : report.early_stops) object["early_stop"][stop.node] = early_stop_object(stop);
  if (report.failed_saves > 0) object["failed_saves"] = report.failed_saves;
  if (!report.weights_sha256.empty()) object["weights_sha256"] = report.weights_sha256;
  object["models"] = Json::object();
  for (const TrainedModel& trained : report.models) object["models"][trained.node] = model_object(*trained.model);
  object["nodes"] = Json::object();
  for (const NodeReport& node : report.nodes) object["nodes"][node.name] = node_object(node);
  for (const ValidatedNode& node : graph.nodes)
    if (const auto told = object["nodes"].find(node.name); told != object["nodes"].end())
      (*told)["inputs"] = inputs_of(graph, node);
  if (!report.widened.empty()) object["widened"] = Json::object();
  for (const WidenedBudget& budget : report.widened)
    object["widened"][budget.node] = {{"planned", budget.planned}, {"blocks", budget.blocks}};
  object["failures"] = Json::array();
  for (const RunFailure& failure : report.failures) object["failures"].push_back(failure_object(failure));
}

// A run that failed early may never have opened files of which only the digest is known that they must have.
bool was_read(const DataInfo& source, const RunReport& report) {
  if (!source.promised || report.exit_code == 0) return true;
  return std::any_of(report.nodes.begin(), report.nodes.end(),
                     [&](const NodeReport& node) { return node.name == source.node && node.emitted > 0; });
}

void add_info(const RunInfo& info, const RunReport& report, Json& object) {
  object["bits_class"] = info.bits_class;
  object["plugins"] = Json::array();
  for (const UsedPlugin& plugin : info.plugins) object["plugins"].push_back(json_of(plugin));
  object["data"] = Json::object();
  for (const DataInfo& source : info.data)
    if (was_read(source, report)) object["data"][source.node] = json_of(source);
}

}  // namespace

std::string run_json(const ValidatedGraph& graph, const RunReport& report, double launch_seconds, const RunInfo& info,
                     const Diagnostics& checked, const std::string& run) {
  const BuildInfo build = build_info();
  Json object = {{"schema", 1},
                 {"name", graph.name},
                 {"config_hash", graph.config_hash},
                 {"device", to_string(graph.device.id)},
                 {"threads", graph.threads},
                 {"seed", graph.seed},
                 {"cpu", processor()},
                 {"onednn", build.onednn},
                 {"isa", build.isa},
                 {"build", build.describe()}};
  if (!run.empty()) object["run"] = run;
  add_info(info, report, object);
  if (graph.ranks.size > 1) {
    object["ranks"] = graph.ranks.size;
    if (const auto deviation = reduction_deviation(report)) object["reduction_deviation"] = *deviation;
  }
  add_lists(graph, report, object);
  object["warnings"] = Json::parse(render_json(checked, Severity::warning));
  for (const RunWarning& warning : report.warnings) object["warnings"].push_back(warning_object(warning));
  object.update({{"seconds", report.seconds},
                 {"peak_bytes", report.peak_bytes},
                 {"bytes_beyond_bound", bytes_beyond_plan(graph, report)}});
  if (report.leaked_bytes) object["leaked_bytes"] = *report.leaked_bytes;
  object["rss_peak_bytes"] = peak_resident_bytes();
  if (report.first_batch_seconds > 0) {
    object["first_batch_seconds"] = report.first_batch_seconds;
    object["launch_to_first_batch_seconds"] = launch_seconds + report.first_batch_seconds;
  }
  if (report.device_times) object["device_times"] = device_object(*report.device_times);
  object["exit"] = {{"code", report.exit_code}, {"reason", report.reason}};
  return json_line(object);
}

std::string errors_json(const Diagnostics& diagnostics) { return errors_json(diagnostics, nullptr); }

std::string errors_json(const Diagnostics& diagnostics, const nlohmann::ordered_json& plugins, int signal) {
  const int code = signal != 0 ? 128 + signal : diagnostics.exit_code();
  std::string reason = code == 0 ? "valid" : code == static_cast<int>(ErrorKind::config) ? "invalid" : "failed";
  if (signal != 0) reason = fmt::format("signal {}", signal);
  Json object = {{"schema", 1},
                 {"errors", Json::parse(render_json(diagnostics))},
                 {"warnings", Json::parse(render_json(diagnostics, Severity::warning))}};
  if (!plugins.is_null()) object["plugins"] = plugins;
  object["exit"] = {{"code", code}, {"reason", reason}};
  return json_line(object);
}

}  // namespace millrace::pipelines
