// The kinds of a value are those of JSON.
#include "param_json.hpp"

#include <nlohmann/json.hpp>

namespace millrace::pipelines {

using Json = nlohmann::ordered_json;

// NOLINTNEXTLINE(misc-no-recursion): as deep as the parameters of a stage
Json json_of(const ParamValue& value) {
  if (value.is_boolean()) return value.boolean();
  if (value.is_integer()) return value.integer();
  if (value.is_number()) return value.number();
  if (value.is_text()) return value.text();
  if (value.is_list()) {
    Json list = Json::array();
    for (const ParamValue& item : value.list()) list.push_back(json_of(item));
    return list;
  }
  if (!value.is_map()) return nullptr;
  Json map = Json::object();
  for (const auto& [key, member] : value.map()) map[key] = json_of(member);
  return map;
}

}  // namespace millrace::pipelines
