// Whole numbers stay whole: a parameter that is an integer takes no 3.0.
#include "spec_json.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kKinds{PortKind::data, PortKind::metrics};
constexpr std::array kDtypes{DType::u8, DType::i8, DType::i16, DType::i32, DType::f32, DType::f64};
constexpr std::array kForms{EncodingKind::dense, EncodingKind::affine_u8, EncodingKind::indicator};

template <class List>
auto named(const List& list, const std::string& name) {
  for (const auto value : list)
    if (to_string(value) == name) return value;
  throw std::invalid_argument("no such name: " + name);
}

/// Bounds need not be finite, which JSON has no number for.
Json bound(double value) {
  if (value == std::numeric_limits<double>::infinity()) return "inf";
  return value == -std::numeric_limits<double>::infinity() ? Json("-inf") : Json(value);
}

double bound_of(const Json& json) {
  if (!json.is_string()) return json.get<double>();
  const double inf = std::numeric_limits<double>::infinity();
  return json.get<std::string>() == "-inf" ? -inf : inf;
}

Json json_of(const PortSpec::FieldSpec& field) {
  const TensorSpec& spec = field.spec;
  Json json = {{"name", field.name},
               {"dtype", to_string(spec.dtype)},
               {"row_shape", spec.row_shape},
               {"form", to_string(spec.encoding.kind)}};
  if (spec.range) json["range"] = {bound(spec.range->lo), bound(spec.range->hi)};
  if (spec.encoding.kind == EncodingKind::affine_u8)
    json.update({{"scale", spec.encoding.scale}, {"offset", spec.encoding.offset}});
  if (spec.encoding.kind == EncodingKind::indicator) json["classes"] = spec.encoding.classes;
  if (!spec.class_names.empty()) json["class_names"] = spec.class_names.list();
  return json;
}

PortSpec::FieldSpec field_of(const Json& json) {
  PortSpec::FieldSpec field{json.at("name"), {}};
  TensorSpec& spec = field.spec;
  spec.dtype = named(kDtypes, json.at("dtype"));
  spec.row_shape = json.at("row_shape").get<RowShape>();
  spec.encoding.kind = named(kForms, json.at("form"));
  if (json.contains("range")) spec.range = ValueRange{bound_of(json["range"].at(0)), bound_of(json["range"].at(1))};
  if (json.contains("scale")) spec.encoding.scale = json["scale"];
  if (json.contains("offset")) spec.encoding.offset = json["offset"];
  if (json.contains("classes")) spec.encoding.classes = json["classes"];
  if (json.contains("class_names")) spec.class_names = json["class_names"].get<ClassNames::List>();
  return field;
}

}  // namespace

// What is absent in a config is null among checked parameters.
// NOLINTNEXTLINE(misc-no-recursion): a capsule.json has been parsed, which bounds its depth
ParamValue param_of(const Json& json) {
  if (json.is_boolean()) return ParamValue(json.get<bool>());
  if (json.is_number_integer()) return ParamValue(json.get<std::int64_t>());
  if (json.is_number()) return ParamValue(json.get<double>());
  if (json.is_string()) return ParamValue(json.get<std::string>());
  if (json.is_array()) {
    ParamValue::List list;
    for (const Json& item : json) list.push_back(param_of(item));
    return list;
  }
  if (!json.is_object()) return {};
  ParamValue::Map map;
  for (const auto& [key, member] : json.items())
    if (!member.is_null()) map.emplace_back(key, param_of(member));
  return map;
}

Json json_of(const PortSpec& port) {
  Json json = {{"kind", to_string(port.kind)}, {"max_rows", port.max_rows}, {"fields", Json::array()}};
  if (port.rows_per_epoch) json["rows_per_epoch"] = *port.rows_per_epoch;
  for (const PortSpec::FieldSpec& field : port.fields) json["fields"].push_back(json_of(field));
  return json;
}

PortSpec port_of(const Json& json) {
  PortSpec port;
  port.kind = named(kKinds, json.at("kind"));
  port.max_rows = json.at("max_rows");
  if (json.contains("rows_per_epoch")) port.rows_per_epoch = json["rows_per_epoch"].get<std::int64_t>();
  for (const Json& field : json.at("fields")) port.fields.push_back(field_of(field));
  return port;
}

}  // namespace millrace::pipelines
