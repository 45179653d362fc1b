// Descriptors as they are, value by value; nothing is added for the reader.
#include "stages_json.hpp"

#include "command/terminal/answer.hpp"
#include "config/params/param_json.hpp"
#include "stage_info.hpp"

#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

Json params_json(const std::vector<Param>& params);

void add_nested(const ParamType& type, Json& object) {
  using Kind = ParamType::Kind;
  if (type.kind() == Kind::list || type.kind() == Kind::map) return add_nested(type.element(), object);
  if (type.kind() == Kind::choice) object["choices"] = type.choices();
  if (type.kind() == Kind::record) object["params"] = params_json(type.params());
  if (type.kind() == Kind::any_of)
    for (const ParamType& option : type.options()) add_nested(option, object);
  if (type.kind() == Kind::one_of)
    for (const Alternative& alternative : type.alternatives())
      object["alternatives"].push_back(
          {{"name", alternative.name}, {"doc", alternative.doc}, {"params", params_json(alternative.params)}});
}

Json param_json(const Param& param) {
  Json object = {
      {"name", param.name}, {"type", param.type.describe()}, {"required", param.is_required()}, {"doc", param.doc}};
  if (param.default_value) object["default"] = json_of(*param.default_value);
  if (!param.unit.empty()) object["unit"] = param.unit;
  if (param.type.lo()) object[param.type.lo_is_strict() ? "above" : "at_least"] = *param.type.lo();
  if (param.type.hi()) object[param.type.hi_is_strict() ? "below" : "at_most"] = *param.type.hi();
  add_nested(param.type, object);
  return object;
}

Json params_json(const std::vector<Param>& params) {
  Json list = Json::array();
  for (const Param& param : params) list.push_back(param_json(param));
  return list;
}

Json same_as(const std::string& input) { return {{"same_as", input}}; }

Json dtype_json(const TensorType& tensors) {
  if (!tensors.dtype_of.empty()) return same_as(tensors.dtype_of);
  if (tensors.dtypes.empty()) return "any";
  Json names = Json::array();
  for (const DType dtype : tensors.dtypes) names.push_back(to_string(dtype));
  return names;
}

Json shape_json(const TensorType& tensors) {
  if (!tensors.shape_of.empty()) return same_as(tensors.shape_of);
  if (tensors.row_shape) return {{"row", *tensors.row_shape}};
  if (tensors.is_one_value) return "one_value";
  const bool is_open = tensors.most_rank == TensorType::kAnyRank;
  if (is_open && tensors.least_rank == 0) return "any";
  return {{"ranks", {tensors.least_rank, is_open ? Json() : Json(tensors.most_rank)}}};
}

Json range_json(const TensorType& tensors) {
  if (!tensors.range_of.empty()) return same_as(tensors.range_of);
  if (!tensors.below_param.empty()) return {{"below_param", tensors.below_param}};
  return tensors.range ? Json{tensors.range->lo, tensors.range->hi} : Json("unknown");
}

void add_tensors(Json& object, const TensorType& tensors) {
  object["dtype"] = dtype_json(tensors);
  object["shape"] = shape_json(tensors);
  object["range"] = range_json(tensors);
}

Json fields_json(const RecordType& record) {
  if (!record.like_input.empty()) return same_as(record.like_input);
  if (record.fields.empty()) return "any";
  Json list = Json::array();
  for (const RecordType::Field& field : record.fields) {
    Json object{{"name", field.name}, {"optional", field.optional}};
    add_tensors(object, field.tensors);
    list.push_back(std::move(object));
  }
  return list;
}

Json port_json(const PortDecl& port) {
  Json object{{"name", port.name}, {"kind", to_string(port.kind)}, {"optional", port.optional}, {"doc", port.text()}};
  if (port.kind != PortKind::data) return object;
  if (port.is_record) object["fields"] = fields_json(port.record);
  if (port.record.takes_others) object["other_fields"] = true;
  if (!port.is_record) add_tensors(object, port.tensors);
  return object;
}

Json ports_json(const std::vector<PortDecl>& ports) {
  Json list = Json::array();
  for (const PortDecl& port : ports) list.push_back(port_json(port));
  return list;
}

Json stage_object(const StageInfo& info) {
  Json object = {{"name", info.name},
                 {"kind", to_string(info.kind)},
                 {"summary", info.spec.summary()},
                 {"any_number_of_threads", info.kind == StageKind::transform},
                 {"state", state_word(info.spec.state())},
                 {"inputs", ports_json(info.spec.inputs())},
                 {"outputs", ports_json(info.spec.outputs())}};
  if (const PortDecl* port = info.spec.any_input()) object["any_inputs"] = port_json(*port);
  if (const PortDecl* port = info.spec.any_output()) {
    object["any_outputs"] = port_json(*port);
    object["any_outputs"]["keys_of"] = info.spec.any_output_param();
  }
  object.update({{"params", params_json(info.spec.params())},
                 {"example", info.spec.example()},
                 {"plugin", info.plugin},
                 {"plugin_version", info.plugin_version},
                 {"license", info.plugin_license},
                 {"file", info.file}});
  return object;
}

}  // namespace

std::string stage_json(const StageInfo& info) { return json_line(stage_object(info)); }

std::string stages_json(const StageRegistry& registry) {
  Json object = {{"schema", 1}, {"stages", Json::array()}};
  for (const std::string& name : registry.names()) object["stages"].push_back(stage_object(*registry.find(name)));
  return json_line(object);
}

}  // namespace millrace::pipelines
