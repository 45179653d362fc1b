// Compared is what the environment of the attempt before says: what a run's bits depend on, and nothing else.
#include "run_comparison.hpp"

#include "record/environment/run_info_json.hpp"
#include "record/folder/record_json.hpp"
#include "record/folder/run_parts.hpp"
#include "record/folder/small_file.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <utility>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

/// Of each plugin or source what decides bits, by name.
Json identity_of(const Json& object, const char* key) {
  Json identity = Json::object();
  const auto list = object.find(key);
  if (list == object.end()) return identity;
  for (const auto& [name, value] : list->items()) {
    const std::string own = text_of(value, "name"), called = own.empty() ? name : own;
    for (const char* part : {"rows", "sha256"})
      if (value.contains(part)) identity[called][part] = value[part];
  }
  return identity;
}

void add_differences(const std::string& what, const Json& before, const Json& now, std::vector<std::string>& found) {
  for (const auto& [name, value] : before.items())
    if (!now.contains(name))
      found.push_back(fmt::format("{} `{}` is not there any more", what, name));
    else if (now[name] != value)
      found.push_back(fmt::format("{} `{}` is {}, it was {}", what, name, now[name].dump(), value.dump()));
  for (const auto& [name, value] : now.items())
    if (!before.contains(name)) found.push_back(fmt::format("{} `{}` is new", what, name));
}

void add_difference(const char* what, const std::string& before, const std::string& now,
                    std::vector<std::string>& found) {
  if (before != now) found.push_back(fmt::format("the {} is {}, it was {}", what, now, before));
}

Json plugins_now(const std::vector<UsedPlugin>& plugins) {
  Json now = {{"plugins", Json::array()}};
  for (const UsedPlugin& plugin : plugins) now["plugins"].push_back(json_of(plugin));
  return now;
}

Json data_now(const std::vector<DataInfo>& data) {
  Json now = {{"data", Json::object()}};
  for (const DataInfo& source : data) now["data"][source.node] = json_of(source);
  return now;
}

}  // namespace

Json environment_of(const std::string& folder) {
  const std::string path = (std::filesystem::path(folder) / run_parts::kEnvironment).string();
  Json object = record_json(content_of(path));
  if (object.is_object()) return object;
  throw Error(ErrorKind::data, "run-unreadable", fmt::format("`{}` cannot be read as what a run has written", path),
              "start another run with its config.yaml");
}

std::string text_of(const Json& object, const char* key) {
  const auto value = object.find(key);
  return value != object.end() && value->is_string() ? value->get<std::string>() : std::string();
}

std::vector<std::string> changed_surroundings(const Json& environment, const RunInfo& info) {
  std::vector<std::string> found;
  add_difference("class of bits", text_of(environment, "bits_class"), info.bits_class, found);
  add_differences("plugin", identity_of(environment, "plugins"), identity_of(plugins_now(info.plugins), "plugins"),
                  found);
  for (std::string& sentence : changed_data(environment, info.data)) found.push_back(std::move(sentence));
  return found;
}

std::vector<std::string> changed_data(const Json& environment, const std::vector<DataInfo>& data) {
  std::vector<std::string> found;
  add_differences("data of", identity_of(environment, "data"), identity_of(data_now(data), "data"), found);
  return found;
}

std::vector<std::string> changed_config(const Json& environment, const std::string& config_hash) {
  std::vector<std::string> found;
  add_difference("config's hash", text_of(environment, "config_hash"), config_hash, found);
  return found;
}

}  // namespace millrace::pipelines
