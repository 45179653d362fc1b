// Checks parameter values against their descriptor and fills in the defaults, as the engine does for a config.
#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace millrace::testing {
namespace {

ParamValue completed(const ParamType& type, const ParamValue& value, const std::string& path);

[[noreturn]] void refuse(const char* name, std::string message) {
  throw Error(ErrorKind::config, name, std::move(message));
}

[[noreturn]] void wrong_type(const ParamType& type, const ParamValue& value, const std::string& path) {
  refuse("wrong-type", fmt::format("`{}` is {}, expected {}", path, value.render(), type.describe()));
}

void require_in_bounds(const ParamType& type, double value, const std::string& path) {
  const bool low = type.lo() && (type.lo_is_strict() ? value <= *type.lo() : value < *type.lo());
  const bool high = type.hi() && (type.hi_is_strict() ? value >= *type.hi() : value > *type.hi());
  if (low || high || !std::isfinite(value) || !type.why_no_float32(value).empty())
    refuse("out-of-range", fmt::format("`{}` is {}, expected {}", path, value, type.describe()));
}

// Told apart by the kind of the value alone, as one tells YAML nodes apart.
bool fits(const ParamType& type, const ParamValue& value) {
  switch (type.kind()) {
    case ParamType::Kind::boolean:
      return value.is_boolean();
    case ParamType::Kind::integer:
      return value.is_integer();
    case ParamType::Kind::number:
    case ParamType::Kind::float32:
      return value.is_number();
    case ParamType::Kind::text:
      return value.is_text();
    case ParamType::Kind::scalar:
      return value.is_number() || value.is_text();
    case ParamType::Kind::choice:
      return value.is_text();
    case ParamType::Kind::list:
      return value.is_list();
    case ParamType::Kind::map:
    case ParamType::Kind::record:
      return value.is_map();
    case ParamType::Kind::one_of:
      return value.is_text() || value.is_map();
    case ParamType::Kind::any_of:
      return std::any_of(type.options().begin(), type.options().end(),
                         [&](const ParamType& option) { return fits(option, value); });
  }
  return false;
}

ParamValue completed_choice(const ParamType& type, const ParamValue& value, const std::string& path) {
  if (std::find(type.choices().begin(), type.choices().end(), value.text()) == type.choices().end())
    wrong_type(type, value, path);
  return value;
}

ParamValue completed_list(const ParamType& type, const ParamValue& value, const std::string& path) {
  ParamValue::List list;
  for (const ParamValue& element : value.list())
    list.push_back(completed(type.element(), element, fmt::format("{}.{}", path, list.size())));
  if (list.size() < type.least_length() || list.size() > type.most_length())
    refuse("out-of-range",
           fmt::format("`{}` has {}, expected {}", path, counted(list.size(), "element"), type.describe()));
  return list;
}

ParamValue completed_map(const ParamType& type, const ParamValue& value, const std::string& path) {
  ParamValue::Map map;
  for (const auto& [key, member] : value.map())
    map.emplace_back(key, completed(type.element(), member, path + "." + key));
  return map;
}

ParamValue completed_record(const std::vector<Param>& schema, const ParamValue::Map& given, const std::string& path) {
  const std::string prefix = path.empty() ? "" : path + ".";
  for (const auto& [key, value] : given)
    if (std::none_of(schema.begin(), schema.end(), [&, name = key](const Param& p) { return p.name == name; }))
      refuse("unknown-parameter", fmt::format("`{}{}` is not a parameter", prefix, key));
  ParamValue::Map record;
  for (const Param& param : schema) {
    const auto it = std::find_if(given.begin(), given.end(), [&](const auto& m) { return m.first == param.name; });
    if (it != given.end() && !(param.optional && it->second.is_null()))
      record.emplace_back(param.name, completed(param.type, it->second, prefix + param.name));
    else if (param.is_required())
      refuse("missing-parameter", fmt::format("`{}{}` is missing", prefix, param.name));
    else
      record.emplace_back(param.name, param.default_value.value_or(ParamValue()));
  }
  return record;
}

ParamValue completed_one_of(const ParamType& type, const ParamValue& value, const std::string& path) {
  const bool named_only = value.is_text();
  if (!named_only && value.map().size() != 1) wrong_type(type, value, path);
  const std::string& name = named_only ? value.text() : value.alternative();
  for (const Alternative& alternative : type.alternatives()) {
    if (alternative.name != name) continue;
    const ParamValue::Map given = named_only ? ParamValue::Map{} : value.alternative_params().map();
    return ParamValue::Map{{name, completed_record(alternative.params, given, path + "." + name)}};
  }
  wrong_type(type, value, path);
}

ParamValue completed(const ParamType& type, const ParamValue& value, const std::string& path) {
  if (!fits(type, value)) wrong_type(type, value, path);
  if (value.is_number()) require_in_bounds(type, value.number(), path);
  switch (type.kind()) {
    case ParamType::Kind::choice:
      return completed_choice(type, value, path);
    case ParamType::Kind::list:
      return completed_list(type, value, path);
    case ParamType::Kind::map:
      return completed_map(type, value, path);
    case ParamType::Kind::record:
      return completed_record(type.params(), value.map(), path);
    case ParamType::Kind::one_of:
      return completed_one_of(type, value, path);
    case ParamType::Kind::any_of:
      for (const ParamType& option : type.options())
        if (fits(option, value)) return completed(option, value, path);
      wrong_type(type, value, path);
    default:
      return value;
  }
}

}  // namespace

ParamValue complete_params(const std::vector<Param>& schema, const ParamValue::Map& params) {
  return completed_record(schema, params, "");
}

}  // namespace millrace::testing
