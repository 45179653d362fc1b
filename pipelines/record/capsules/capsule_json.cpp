// Read by the names that it is written with; what is missing or of another type makes it unreadable as a whole.
#include "capsule_json.hpp"

#include "config/params/param_json.hpp"
#include "record/environment/run_info_json.hpp"
#include "record/folder/record_json.hpp"
#include "record/folder/small_file.hpp"
#include "spec_json.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <exception>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const CapsuleInput& input) {
  Json json = {{"port", input.port},
               {"spec", millrace::pipelines::json_of(input.spec)},
               {"rows", input.rows},
               {"first_row", input.first_row},
               {"last_in_epoch", input.last_in_epoch},
               {"ids", input.ids},
               {"files", input.files}};
  if (input.metrics)
    for (const auto& [name, value] : input.metrics->values) json["metrics"].push_back({name, fmt::format("{}", value)});
  return json;
}

void require_plain_name(const std::string& file) {
  if (file.empty() || file.front() == '.' || file.find('/') != std::string::npos)
    throw std::invalid_argument("no name of a file: " + file);
}

/// Sets `to`. Throws what is wrong with the member, by its name.
template <class T>
void take(const Json& json, const char* key, T& to) try {
  json.at(key).get_to(to);
} catch (const Json::exception&) {
  throw std::invalid_argument(json.contains(key) ? fmt::format("its `{}` is not what a run writes there", key)
                                                 : fmt::format("it has no `{}`", key));
}

template <class T>
T taken(const Json& json, const char* key) {
  T value{};
  take(json, key, value);
  return value;
}

/// Without the name of a class of the library that reads.
std::string plain(const std::string& what) {
  const std::size_t end = what.starts_with("[json.exception") ? what.find("] ") : std::string::npos;
  return end == std::string::npos ? what : what.substr(end + 2);
}

CapsuleInput input_of(const Json& json, std::uint32_t epoch) {
  CapsuleInput input{taken<std::string>(json, "port"),
                     port_of(taken<Json>(json, "spec")),
                     taken<std::int64_t>(json, "rows"),
                     taken<std::uint64_t>(json, "first_row"),
                     taken<bool>(json, "last_in_epoch"),
                     taken<std::vector<std::uint64_t>>(json, "ids"),
                     taken<std::vector<std::string>>(json, "files"),
                     {}};
  for (const std::string& file : input.files) require_plain_name(file);
  if (input.rows < 0 || (input.spec.kind == PortKind::data && input.files.size() != input.spec.fields.size()) ||
      (input.spec.kind == PortKind::data && std::cmp_not_equal(input.ids.size(), input.rows)))
    throw std::invalid_argument("rows, ids and files of an input are not of one packet");
  if (input.spec.kind != PortKind::metrics) return input;
  input.metrics.emplace().epoch = epoch;
  if (json.contains("metrics"))
    for (const Json& pair : json["metrics"]) input.metrics->set(pair.at(0), std::stod(pair.at(1).get<std::string>()));
  return input;
}

Json json_of(const Problem& error) {
  return {{"kind", static_cast<int>(error.kind)},
          {"name", error.name},
          {"message", error.message},
          {"help", error.help},
          {"notes", error.notes}};
}

Problem problem_of(const Json& json) {
  Problem problem{.kind = static_cast<ErrorKind>(taken<int>(json, "kind"))};
  take(json, "name", problem.name);
  take(json, "message", problem.message);
  take(json, "help", problem.help);
  take(json, "notes", problem.notes);
  return problem;
}

Json json_of(const NodeSeed& seed) {
  return {{"purpose", seed.purpose}, {"seed", seed.seed}, {"number", seed.number}, {"own", seed.is_own}};
}

NodeSeed seed_of(const Json& json) {
  NodeSeed seed;
  take(json, "purpose", seed.purpose);
  take(json, "seed", seed.seed);
  take(json, "number", seed.number);
  take(json, "own", seed.is_own);
  return seed;
}

UsedPlugin plugin_of(const Json& json) {
  return {taken<std::string>(json, "name"),
          taken<std::string>(json, "version"),
          taken<std::string>(json, "file"),
          taken<std::string>(json, "sha256"),
          {}};
}

Capsule capsule_of(const Json& json) {
  if (taken<Json>(json, "format") != kCapsuleFormat) throw std::invalid_argument("a capsule of another release");
  Capsule capsule;
  take(json, "node", capsule.node);
  take(json, "stage", capsule.stage);
  take(json, "call", capsule.call);
  if (json.contains("plugin")) capsule.plugin = plugin_of(json["plugin"]);
  capsule.params = param_of(taken<Json>(json, "parameters"));
  take(json, "seed", capsule.seed);
  for (const Json& seed : taken<Json>(json, "draws")) capsule.seeds.push_back(seed_of(seed));
  take(json, "epochs", capsule.epochs);
  take(json, "device", capsule.device);
  take(json, "isolated", capsule.isolated);
  take(json, "timeout", capsule.timeout);
  take(json, "rank", capsule.rank);
  take(json, "ranks", capsule.ranks);
  take(json, "folder", capsule.folder);
  take(json, "millrace", capsule.millrace);
  const Json position = taken<Json>(json, "position");
  take(position, "epoch", capsule.at.epoch);
  take(position, "packet", capsule.at.packet);
  take(position, "batch", capsule.at.batch);
  capsule.error = problem_of(taken<Json>(json, "error"));
  for (const Json& input : taken<Json>(json, "inputs")) capsule.inputs.push_back(input_of(input, capsule.at.epoch));
  return capsule;
}

}  // namespace

std::string capsule_text(const Capsule& capsule) {
  Json json = {{"format", kCapsuleFormat},
               {"millrace", capsule.millrace},
               {"node", capsule.node},
               {"stage", capsule.stage},
               {"call", capsule.call}};
  if (capsule.plugin) json["plugin"] = millrace::pipelines::json_of(*capsule.plugin);
  json["position"] = {{"epoch", capsule.at.epoch}, {"packet", capsule.at.packet}, {"batch", capsule.at.batch}};
  json["error"] = json_of(capsule.error);
  json["parameters"] = millrace::pipelines::json_of(capsule.params);
  json.update({{"seed", capsule.seed},
               {"draws", Json::array()},
               {"epochs", capsule.epochs},
               {"device", capsule.device},
               {"isolated", capsule.isolated},
               {"timeout", capsule.timeout},
               {"rank", capsule.rank},
               {"ranks", capsule.ranks},
               {"folder", capsule.folder},
               {"inputs", Json::array()}});
  for (const NodeSeed& seed : capsule.seeds) json["draws"].push_back(json_of(seed));
  for (const CapsuleInput& input : capsule.inputs) json["inputs"].push_back(json_of(input));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Capsule read_capsule(const std::string& folder) try {
  const std::string text = content_of((std::filesystem::path(folder) / kCapsuleFile).string());
  const Json json = record_json(text);
  if (json.is_discarded()) throw std::invalid_argument("it is no JSON");
  return capsule_of(json);
} catch (const std::exception& why) {
  throw Error(
      ErrorKind::data, "capsule-unreadable",
      fmt::format("`{}/{}` cannot be read as what a run has written: {}", folder, kCapsuleFile, plain(why.what())),
      "a run that fails names its capsule: `pipeline-run replay FOLDER`");
}

}  // namespace millrace::pipelines
