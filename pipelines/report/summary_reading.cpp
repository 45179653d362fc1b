// Each reader takes one kind of value, and answers with an empty one where another stands.
#include "summary_reading.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMostDepth = 16;

const Json& member(const Json& object, const char* key) {
  static const Json kNone;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? kNone : *found;
}

double number_in(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_number() ? value.get<double>() : 0;
}

std::int64_t whole_in(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::string place_of(const Json& problem) {
  const std::string file = text_in(problem, "file");
  return file.empty() ? "" : fmt::format("{}:{}:{}", file, whole_in(problem, "line"), whole_in(problem, "column"));
}

std::vector<ToldProblem> problems_in(const Json& list) {
  std::vector<ToldProblem> problems;
  if (!list.is_array()) return problems;
  for (const Json& told : list) {
    const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(whole_in(told, "count"), 1));
    problems.push_back({text_in(told, "name"), text_in(told, "message"), text_in(told, "help"), text_in(told, "node"),
                        place_of(told), count});
  }
  return problems;
}

// What feeds a node stands before it, so that nothing is ever followed in a circle.
std::vector<std::size_t> inputs_in(const Json& node, const std::vector<NodeTimes>& before) {
  std::vector<std::size_t> inputs;
  const Json& names = member(node, "inputs");
  for (const Json& name : names.is_array() ? names : Json::array()) {
    const auto found = std::find_if(before.begin(), before.end(), [&](const NodeTimes& n) { return name == n.name; });
    const auto place = static_cast<std::size_t>(found - before.begin());
    if (found != before.end() && std::find(inputs.begin(), inputs.end(), place) == inputs.end())
      inputs.push_back(place);
  }
  return inputs;
}

void read_nodes(const Json& nodes, RunRecord& record) {
  if (!nodes.is_object()) return;
  for (const auto& [name, node] : nodes.items())
    record.nodes.push_back({name, text_in(node, "stage"), inputs_in(node, record.nodes), number_in(node, "busy"),
                            number_in(node, "starved"), number_in(node, "blocked"),
                            static_cast<std::uint64_t>(whole_in(node, "packets"))});
}

void read_models(const Json& models, RunRecord& record) {
  if (!models.is_object()) return;
  for (const auto& [name, model] : models.items()) {
    ModelRow row{name, text_in(model, "weights_sha256"), whole_in(model, "inputs"), whole_in(model, "parameters"), {}};
    const Json& layers = member(model, "layers");
    for (const Json& layer : layers.is_array() ? layers : Json::array())
      row.layers.push_back({text_in(layer, "layer"), text_in(layer, "activation"), whole_in(layer, "outputs"),
                            whole_in(layer, "parameters")});
    record.models.push_back(std::move(row));
  }
}

std::string scalar_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string list_text(const Json& list) {
  std::string text;
  for (const Json& value : list) text += (text.empty() ? "" : " ") + scalar_text(value);
  return text;
}

bool is_plain(const Json& list) {
  return std::none_of(list.begin(), list.end(), [](const Json& value) { return value.is_structured(); });
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as kMostDepth
void flatten(const std::string& path, const Json& value, int depth, std::vector<NamedText>& found) {
  const bool is_list = value.is_array() && is_plain(value);
  if (depth == kMostDepth) return;
  if (!value.is_structured() || is_list) {
    if (const std::string text = is_list ? list_text(value) : scalar_text(value); !text.empty())
      found.push_back({path, text});
    return;
  }
  std::size_t place = 0;
  for (const auto& [key, part] : value.items()) {
    const std::string name = value.is_array() ? std::to_string(place++) : key;
    flatten(path.empty() ? name : path + "." + name, part, depth + 1, found);
  }
}

}  // namespace

std::string text_in(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

void read_summary(const Json& summary, RunRecord& record) {
  const Json& end = member(summary, "exit");
  record.reason = text_in(end, "reason");
  record.exit_code = static_cast<int>(whole_in(end, "code"));
  if (member(summary, "seconds").is_number()) record.seconds = number_in(summary, "seconds");
  record.weights_sha256 = text_in(summary, "weights_sha256");
  record.failures = problems_in(member(summary, "failures"));
  record.warnings = problems_in(member(summary, "warnings"));
  read_nodes(member(summary, "nodes"), record);
  read_models(member(summary, "models"), record);
}

void read_environment(const Json& environment, RunRecord& record) { flatten("", environment, 0, record.environment); }

}  // namespace millrace::pipelines
