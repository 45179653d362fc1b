// What is not known is absent rather than null.
#include "run_info_json.hpp"

#include <nlohmann/json.hpp>

namespace millrace::pipelines {

using Json = nlohmann::ordered_json;

Json json_of(const UsedPlugin& plugin) {
  return {{"name", plugin.name},
          {"version", plugin.version},
          {"file", plugin.file},
          {"sha256", plugin.sha256},
          {"stages", plugin.stages}};
}

Json json_of(const DataInfo& source) {
  Json data = Json::object();
  if (source.rows >= 0) data["rows"] = source.rows;
  if (!source.sha256.empty())
    data.update({{"files", source.files.size()}, {"sha256", source.sha256}, {"whole", source.whole}});
  return data;
}

}  // namespace millrace::pipelines
