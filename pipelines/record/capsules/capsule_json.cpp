// Read by the names that it is written with; what is missing or of another type makes it unreadable as a whole.
#include "capsule_json.hpp"

#include "config/params/param_json.hpp"
#include "record/environment/run_info_json.hpp"
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

CapsuleInput input_of(const Json& json, std::uint32_t epoch) {
  CapsuleInput input{json.at("port"),
                     port_of(json.at("spec")),
                     json.at("rows"),
                     json.at("first_row"),
                     json.at("last_in_epoch"),
                     json.at("ids").get<std::vector<std::uint64_t>>(),
                     json.at("files").get<std::vector<std::string>>(),
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
  Problem problem{.kind = static_cast<ErrorKind>(json.at("kind").get<int>())};
  problem.name = json.at("name");
  problem.message = json.at("message");
  problem.help = json.at("help");
  problem.notes = json.at("notes").get<std::vector<std::string>>();
  return problem;
}

Json json_of(const NodeSeed& seed) {
  return {{"purpose", seed.purpose}, {"seed", seed.seed}, {"number", seed.number}, {"own", seed.is_own}};
}

NodeSeed seed_of(const Json& json) { return {json.at("purpose"), json.at("seed"), json.at("number"), json.at("own")}; }

UsedPlugin plugin_of(const Json& json) {
  return {json.at("name"), json.at("version"), json.at("file"), json.at("sha256"), {}};
}

Capsule capsule_of(const Json& json) {
  if (json.at("format") != kCapsuleFormat) throw std::invalid_argument("a capsule of another release");
  Capsule capsule;
  capsule.node = json.at("node");
  capsule.stage = json.at("stage");
  capsule.call = json.at("call");
  if (json.contains("plugin")) capsule.plugin = plugin_of(json["plugin"]);
  capsule.params = param_of(json.at("parameters"));
  capsule.seed = json.at("seed");
  for (const Json& seed : json.at("draws")) capsule.seeds.push_back(seed_of(seed));
  capsule.epochs = json.at("epochs");
  capsule.device = json.at("device");
  capsule.isolated = json.at("isolated");
  capsule.timeout = json.at("timeout");
  capsule.rank = json.at("rank");
  capsule.ranks = json.at("ranks");
  capsule.folder = json.at("folder");
  capsule.millrace = json.at("millrace");
  capsule.at = {json.at("position").at("epoch"), json["position"].at("packet"), json["position"].at("batch")};
  capsule.error = problem_of(json.at("error"));
  for (const Json& input : json.at("inputs")) capsule.inputs.push_back(input_of(input, capsule.at.epoch));
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
  return capsule_of(Json::parse(text));
} catch (const std::exception& why) {
  throw Error(ErrorKind::data, "capsule-unreadable",
              fmt::format("`{}/{}` cannot be read as what a run has written: {}", folder, kCapsuleFile, why.what()),
              "a run that fails names its capsule: `pipeline-run replay FOLDER`");
}

}  // namespace millrace::pipelines
