// The same descriptors that `check` uses, written as a schema; what only a run can know is left open.
#include "config_json_schema.hpp"

#include "command/terminal/answer.hpp"
#include "config/params/config_schema.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;
using Kind = ParamType::Kind;

Json type_schema(const ParamType& type);

Json reference_to(const char* definition) { return {{"$ref", fmt::format("#/definitions/{}", definition)}}; }

// `${env:NAME}` stands for any scalar; what it stands for only the run knows.
Json or_reference(Json schema) { return {{"anyOf", {std::move(schema), reference_to("reference")}}}; }

// YAML writes a text without quotes, and then it may look like a number or a boolean.
Json text_schema() { return {{"type", {"string", "number", "boolean"}}}; }

Json bounded(const char* json_type, const ParamType& type) {
  Json schema{{"type", json_type}};
  if (type.lo()) schema[type.lo_is_strict() ? "exclusiveMinimum" : "minimum"] = *type.lo();
  if (type.hi()) schema[type.hi_is_strict() ? "exclusiveMaximum" : "maximum"] = *type.hi();
  return schema;
}

Json number_schema(const ParamType& type) {
  return {{"anyOf", {bounded("number", type), reference_to("fraction"), reference_to("reference")}}};
}

Json sized(Json schema, const ParamType& type, const char* least, const char* most) {
  if (type.least_length() > 0) schema[least] = type.least_length();
  if (type.most_length() != SIZE_MAX) schema[most] = type.most_length();
  return schema;
}

std::string sentence(const Param& param) {
  std::string text = param.doc + fmt::format(" ({}", param.type.describe());
  if (!param.unit.empty()) text += ", " + param.unit;
  if (param.default_value) text += "; default " + param.default_value->render();
  return text + (param.is_required() ? "; required)" : ")");
}

Json properties_of(const std::vector<Param>& params) {
  Json properties = Json::object();
  for (const Param& param : params) {
    properties[param.name] = type_schema(param.type);
    properties[param.name]["description"] = sentence(param);
  }
  return properties;
}

Json required_of(const std::vector<Param>& params) {
  Json names = Json::array();
  for (const Param& param : params)
    if (param.is_required()) names.push_back(param.name);
  return names;
}

Json record_schema(const std::vector<Param>& params, bool whole = true) {
  Json schema{{"type", "object"}, {"properties", properties_of(params)}, {"additionalProperties", false}};
  if (const Json names = required_of(params); whole && !names.empty()) schema["required"] = names;
  return schema;
}

// Just the name where nothing is required, or the name with its parameters.
Json one_of_schema(const ParamType& type) {
  Json names = Json::array(), records = Json::object();
  for (const Alternative& alternative : type.alternatives()) {
    const bool is_bare = required_of(alternative.params).empty();
    if (is_bare) names.push_back(alternative.name);
    records[alternative.name] = record_schema(alternative.params);
    if (is_bare) records[alternative.name]["type"] = {"object", "null"};
    records[alternative.name]["description"] = alternative.doc;
  }
  Json choices = Json::array();
  if (!names.empty()) choices.push_back({{"enum", names}});
  choices.push_back({{"type", "object"},
                     {"properties", records},
                     {"additionalProperties", false},
                     {"minProperties", 1},
                     {"maxProperties", 1}});
  choices.push_back(reference_to("reference"));
  return {{"anyOf", choices}};
}

Json any_of_schema(const ParamType& type) {
  Json options = Json::array();
  for (const ParamType& option : type.options()) options.push_back(type_schema(option));
  return {{"anyOf", options}};
}

Json type_schema(const ParamType& type) {
  switch (type.kind()) {
    case Kind::boolean:
      return or_reference({{"type", "boolean"}});
    case Kind::integer:
      return or_reference(bounded("integer", type));
    case Kind::number:
    case Kind::float32:
      return number_schema(type);
    case Kind::text:
    case Kind::scalar:
      return text_schema();
    case Kind::choice:
      return or_reference({{"enum", type.choices()}});
    case Kind::list:
      return sized({{"type", "array"}, {"items", type_schema(type.element())}}, type, "minItems", "maxItems");
    case Kind::map:
      return sized({{"type", "object"}, {"additionalProperties", type_schema(type.element())}}, type, "minProperties",
                   "maxProperties");
    case Kind::record:
      return record_schema(type.params());
    case Kind::one_of:
      return one_of_schema(type);
    case Kind::any_of:
      return any_of_schema(type);
  }
  return Json::object();
}

Json inputs_schema(const StageDescriptor& spec) {
  Json properties = Json::object();
  // null takes an input away that a file further down connects
  const Json reference{"string", "null"};
  for (const PortDecl& port : spec.inputs())
    properties[port.name] = {{"type", reference}, {"description", port.text()}};
  Json map{{"type", "object"}, {"properties", properties}};
  map["additionalProperties"] =
      spec.any_input() != nullptr ? Json{{"type", reference}, {"description", spec.any_input()->text()}} : Json(false);
  return {{"anyOf", {{{"type", "string"}}, map}}, {"description", "NODE, NODE.OUTPUT or {INPUT: NODE.OUTPUT}"}};
}

Json if_stage(const StageInfo& info, Json then) {
  const Json condition{{"properties", {{"stage", {{"const", info.name}}}}}, {"required", {"stage"}}};
  return {{"if", condition}, {"then", std::move(then)}};
}

Json stage_rule(const StageInfo& info) {
  Json with = record_schema(info.spec.params(), false);
  with["type"] = {"object", "null"};
  with["description"] = fmt::format("Parameters of {}. {}", info.name, info.spec.summary());
  Json properties{{"with", with}};
  if (info.kind == StageKind::source)
    properties["in"] = false;
  else
    properties["in"] = inputs_schema(info.spec);
  return if_stage(info, {{"properties", properties}});
}

Json stage_names(const StageRegistry& registry) {
  Json names = Json::array();
  for (const std::string& name : registry.names())
    names.push_back({{"const", name}, {"description", registry.find(name)->spec.summary()}});
  return {{"anyOf", names}, {"description", "What the node does; `pipeline-run stages` lists them."}};
}

// Also right for a node that only changes one of the file that this one extends.
Json node_schema(const StageRegistry& registry) {
  Json rules = Json::array();
  for (const std::string& name : registry.names()) rules.push_back(stage_rule(*registry.find(name)));
  Json run = record_schema(run_params());
  run["type"] = {"object", "null"};
  run["description"] = "How the node runs: what of a source may be alive at once, and in which process.";
  Json seed = type_schema(node_seed_param().type);
  seed["description"] = sentence(node_seed_param());
  Json role = type_schema(node_role_param().type);
  role["description"] = sentence(node_role_param());
  const Json properties{{"stage", stage_names(registry)},
                        {"chain", {{"type", "string"}, {"description", "A run of stages from `chains`."}}},
                        {"in", {{"type", {"string", "object"}}, {"description", "Where the input comes from."}}},
                        {"with", {{"type", {"object", "null"}}, {"description", "Parameters of the stage."}}},
                        {"seed", seed},
                        {"role", role},
                        {"run", run}};
  return {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}, {"allOf", rules}};
}

Json whole_node_schema(const StageRegistry& registry) {
  Json rules = Json::array({reference_to("node"), {{"anyOf", {{{"required", {"stage"}}}, {{"required", {"chain"}}}}}}});
  for (const std::string& name : registry.names()) {
    const StageInfo& info = *registry.find(name);
    Json then = Json::object();
    if (const Json names = required_of(info.spec.params()); !names.empty())
      then = {{"required", {"with"}}, {"properties", {{"with", {{"type", "object"}, {"required", names}}}}}};
    if (info.kind != StageKind::source) then["required"].push_back("in");
    if (!then.empty()) rules.push_back(if_stage(info, then));
  }
  return {{"allOf", rules}};
}

Json chain_schema(const StageRegistry& registry) {
  Json records = Json::object();
  for (const std::string& name : registry.names()) {
    records[name] = record_schema(registry.find(name)->spec.params());
    records[name]["description"] = registry.find(name)->spec.summary();
  }
  const Json with_params{{"type", "object"},
                         {"properties", records},
                         {"additionalProperties", false},
                         {"minProperties", 1},
                         {"maxProperties", 1}};
  return {{"type", "array"}, {"minItems", 1}, {"items", {{"anyOf", {{{"enum", registry.names()}}, with_params}}}}};
}

Json nodes_schema(Json node) { return {{"type", "object"}, {"additionalProperties", std::move(node)}}; }

Json or_null(Json schema) { return {{"anyOf", {std::move(schema), {{"type", "null"}}}}}; }

Json top_properties() {
  Json properties = properties_of(top_level_params());
  properties["extends"] = {{"type", "string"}, {"description", "A config that this one starts from, relative to it."}};
  properties["chains"] = {{"type", {"object", "null"}},
                          {"additionalProperties", or_null(reference_to("chain"))},
                          {"description", "Runs of stages by name, for nodes with `chain`."}};
  properties["graph"] = {{"type", "object"}, {"description", "The nodes, by name."}};
  return properties;
}

}  // namespace

std::string config_json_schema(const StageRegistry& registry) {
  const Json definitions{
      {"reference", {{"type", "string"}, {"pattern", "\\$\\{.*\\}"}}},
      {"fraction", {{"type", "string"}, {"pattern", "^[-+]?[0-9.]+([eE][-+]?[0-9]+)?/[0-9.]+([eE][-+]?[0-9]+)?$"}}},
      {"node", node_schema(registry)},
      {"whole_node", whole_node_schema(registry)},
      {"chain", chain_schema(registry)}};
  Json schema{{"$schema", "http://json-schema.org/draft-07/schema#"},
              {"title", "A Millrace config"},
              {"type", "object"},
              {"properties", top_properties()},
              {"patternProperties", {{"^x-", Json::object()}}},
              {"additionalProperties", false}};
  schema["if"] = {{"required", {"extends"}}};
  schema["then"] = {{"properties", {{"graph", nodes_schema(or_null(reference_to("node")))}}}};
  schema["else"] = {{"properties", {{"graph", nodes_schema(reference_to("whole_node"))}}},
                    {"required", {"version", "graph"}}};
  schema["definitions"] = definitions;
  return json_line(schema);
}

}  // namespace millrace::pipelines
